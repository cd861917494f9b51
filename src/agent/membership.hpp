// What makes a server one of a pair, as it lies in the state folder:
//   pair.json              {"version": 1, "pair": id, "server": name}; written last, so that it alone says "member"
//   identity/ca.pem        the pair's authority
//   identity/ca.key        its key: on every server, so that the pair survives the loss of the first
//   identity/server.pem    this server's certificate
//   identity/server.key    its key
#pragma once
#include "peer/transport.hpp"
#include "system/files.hpp"

#include <optional>

namespace tandem::agent {

struct Membership {
  std::string pair_id;
  std::string server;
  peer::Identity identity;
  std::string authority_key;
};

// nullopt before init or join has ended. An error when the files are there but make no sense.
Result<std::optional<Membership>> load_membership(system::Files& files, const std::string& folder);
// Writes all of it; killed in between, the server is no member yet, and saving again finishes it.
Result<void> save_membership(system::Files& files, const std::string& folder, const Membership& membership);

// The opposite: this server is a member no more. What it knew of the pair stays beside it, as NAME.left. Killed in
// between, doing it again finishes it.
Result<void> leave_pair(system::Files& files, const std::string& folder);

// The state folder and the identity folder in it, mode 0700.
Result<void> make_state_folders(system::Files& files, const std::string& folder);
std::string identity_path(const std::string& folder, const std::string& file);

} // namespace tandem::agent
