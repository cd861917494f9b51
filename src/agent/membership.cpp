#include "agent/membership.hpp"

#include "agent/give_back_mark.hpp"
#include "peer/json.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::uint64_t membership_version = 1;

} // namespace

std::string identity_path(const std::string& folder, const std::string& file) {
  return folder + "/identity/" + file;
}

Result<void> make_state_folders(system::Files& files, const std::string& folder) {
  TANDEM_CHECK(files.make_folder(folder, 0700, {}));
  return files.make_folder(folder + "/identity", 0700, {});
}

Result<std::optional<Membership>> load_membership(system::Files& files, const std::string& folder) {
  const std::string path = folder + "/pair.json";
  const auto text = files.read(path);
  if (!text && text.error().kind == ErrorKind::not_found) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  Membership membership;
  const auto read = [&]() -> Result<void> {
    TANDEM_TRY(const peer::Json value, peer::parse_json(*text));
    TANDEM_TRY(const std::uint64_t written_by, peer::number_member(value, "version"));
    if (written_by != membership_version)
      return fail(ErrorKind::invalid,
                  fmt::format("it is of version {}, this agent knows version {}", written_by, membership_version),
                  "Install the version of tandem that wrote it, or a newer one");
    TANDEM_TRY(membership.pair_id, peer::text_member(value, "pair"));
    TANDEM_TRY(membership.server, peer::text_member(value, "server"));
    TANDEM_TRY(membership.identity.authority, files.read(identity_path(folder, "ca.pem")));
    TANDEM_TRY(membership.authority_key, files.read(identity_path(folder, "ca.key")));
    TANDEM_TRY(membership.identity.certificate, files.read(identity_path(folder, "server.pem")));
    TANDEM_TRY(membership.identity.key, files.read(identity_path(folder, "server.key")));
    return {};
  };
  if (auto done = read(); !done) return std::unexpected(std::move(done).error().within("reading " + path));
  return membership;
}

Result<void> save_membership(system::Files& files, const std::string& folder, const Membership& membership) {
  TANDEM_CHECK(make_state_folders(files, folder));
  const peer::Identity& identity = membership.identity;
  TANDEM_CHECK(files.write(identity_path(folder, "ca.pem"), identity.authority, 0600, {}));
  TANDEM_CHECK(files.write(identity_path(folder, "ca.key"), membership.authority_key, 0600, {}));
  TANDEM_CHECK(files.write(identity_path(folder, "server.key"), identity.key, 0600, {}));
  TANDEM_CHECK(files.write(identity_path(folder, "server.pem"), identity.certificate, 0600, {}));
  TANDEM_CHECK(GiveBackMark(files, folder).remove()); // of a pair before this one
  const peer::Json value{{"version", membership_version}, {"pair", membership.pair_id}, {"server", membership.server}};
  return files.write(folder + "/pair.json", peer::to_pretty_text(value) + "\n", 0600, {});
}

// pair.json goes last, so that a server that was killed meanwhile knows no role and serves nothing.
Result<void> leave_pair(system::Files& files, const std::string& folder) {
  for (const auto* name : {"members.json", "role.json", "pair.json"}) {
    const auto path = folder + "/" + name;
    TANDEM_TRY(const auto there, files.status(path));
    if (there) TANDEM_CHECK(files.rename(path, path + ".left"));
  }
  return {};
}

} // namespace tandem::agent
