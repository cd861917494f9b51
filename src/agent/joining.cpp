#include "agent/joining.hpp"

#include "base/text.hpp"
#include "peer/authority.hpp"
#include "peer/json.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::uint64_t record_version = 1;
constexpr auto* another_token = "`tandem init --token` on a server of the pair makes a new one";

std::string record_path(const std::string& folder) {
  return folder + "/join.json";
}

std::string names_of(const model::Pair& pair) {
  std::vector<std::string> names;
  for (const auto& server : pair.servers)
    names.push_back(server.name);
  return join(names, ", ");
}

bool has_address(const model::Server& server, const std::vector<std::string>& addresses) {
  return std::ranges::any_of(addresses, [&](const std::string& address) {
    return address == server.address || address == server.peer_address || address == server.address6;
  });
}

} // namespace

Result<std::string> choose_server(const model::Pair& pair, const Candidate& candidate) {
  const std::string hint = fmt::format("Name it with --server, one of: {}", names_of(pair));
  if (!candidate.wanted.empty()) {
    if (pair.server(candidate.wanted) != nullptr) return candidate.wanted;
    return fail(ErrorKind::invalid, fmt::format("tandem.toml has no server \"{}\"", candidate.wanted), hint);
  }
  if (pair.server(candidate.host_name) != nullptr) return candidate.host_name;
  std::vector<std::string> found;
  for (const auto& server : pair.servers)
    if (has_address(server, candidate.addresses)) found.push_back(server.name);
  if (found.size() == 1) return found.front();
  return fail(ErrorKind::invalid,
              fmt::format("{} of tandem.toml is recognised by the host name \"{}\" or the addresses {}",
                          found.empty() ? "no server" : "more than one server", candidate.host_name,
                          join(candidate.addresses, ", ")),
              hint);
}

JoinRecord open_record(const peer::JoinToken& token, WallTime now) {
  return {peer::sha256(token.secret), std::chrono::floor<std::chrono::seconds>(now + token_lifetime), {}, {}};
}

Result<void> check_join(const std::optional<JoinRecord>& record, const std::string& secret, const std::string& server,
                        const std::string& key_fingerprint, WallTime now) {
  if (!record) return fail(ErrorKind::refused, "no join token is open", another_token);
  if (peer::sha256(secret) != record->secret_hash)
    return fail(ErrorKind::refused, "the join token is not the one that was made last", another_token);
  if (now >= record->expires) return fail(ErrorKind::refused, "the join token has expired", another_token);
  if (record->used_by.empty()) return {};
  if (record->used_by == server && record->used_by_key == key_fingerprint) return {};
  return fail(ErrorKind::refused, fmt::format("the join token was already used, by {}", record->used_by),
              another_token);
}

Result<std::optional<JoinRecord>> load_record(system::Files& files, const std::string& folder) {
  const auto text = files.read(record_path(folder));
  if (!text && text.error().kind == ErrorKind::not_found) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  JoinRecord record;
  const auto read = [&]() -> Result<void> {
    TANDEM_TRY(const peer::Json value, peer::parse_json(*text));
    TANDEM_TRY(const std::uint64_t written_by, peer::number_member(value, "version"));
    if (written_by != record_version) return fail(ErrorKind::invalid, "it is of another version");
    TANDEM_TRY(record.secret_hash, peer::text_member(value, "secret_hash"));
    TANDEM_TRY(const std::uint64_t expires, peer::number_member(value, "expires"));
    record.expires = std::chrono::system_clock::from_time_t(static_cast<std::time_t>(expires));
    TANDEM_TRY(record.used_by, peer::text_member(value, "used_by"));
    TANDEM_TRY(record.used_by_key, peer::text_member(value, "used_by_key"));
    return {};
  };
  if (auto done = read(); !done)
    return std::unexpected(std::move(done).error().within("reading " + record_path(folder)));
  return record;
}

Result<void> save_record(system::Files& files, const std::string& folder, const JoinRecord& record) {
  const peer::Json value{{"version", record_version},
                         {"secret_hash", record.secret_hash},
                         {"expires", static_cast<std::uint64_t>(std::chrono::system_clock::to_time_t(record.expires))},
                         {"used_by", record.used_by},
                         {"used_by_key", record.used_by_key}};
  return files.write(record_path(folder), peer::to_pretty_text(value) + "\n", 0600, {});
}

} // namespace tandem::agent
