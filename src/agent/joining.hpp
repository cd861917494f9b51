// The rules of joining, without I/O but for the record of the open token: who is who, and which token counts.
#pragma once
#include "model/pair.hpp"
#include "peer/token.hpp"
#include "system/files.hpp"

#include <chrono>
#include <optional>

namespace tandem::agent {

using WallTime = std::chrono::system_clock::time_point;

constexpr std::chrono::hours token_lifetime{24};

// What a server says of itself when its name in the file is to be found.
struct Candidate {
  std::string wanted; // --server NAME; empty: find it
  std::string host_name;
  std::vector<std::string> addresses;
};

// The server of the pair that the candidate is: the wanted one, else the one of its host name, else the one that
// has one of its addresses. invalid, with the names to choose from, when there is none.
Result<std::string> choose_server(const model::Pair& pair, const Candidate& candidate);

// state folder/join.json: the one token that is open. Only its hash is kept.
struct JoinRecord {
  std::string secret_hash; // SHA-256, hexadecimal
  WallTime expires;        // whole seconds
  std::string used_by;     // the server that it let in; empty: none yet
  std::string used_by_key; // the fingerprint of that server's key
  bool operator==(const JoinRecord&) const = default;
};

JoinRecord open_record(const peer::JoinToken& token, WallTime now);

// Whether the secret lets in that server with that key now. A token lets in one server; asked again for the same
// server and key (its agent was killed before it had written the answer down) it says yes again.
Result<void> check_join(const std::optional<JoinRecord>& record, const std::string& secret, const std::string& server,
                        const std::string& key_fingerprint, WallTime now);

Result<std::optional<JoinRecord>> load_record(system::Files& files, const std::string& folder);
Result<void> save_record(system::Files& files, const std::string& folder, const JoinRecord& record);

} // namespace tandem::agent
