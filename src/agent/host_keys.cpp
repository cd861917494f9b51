#include "agent/host_keys.hpp"

#include "agent/configuration.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr auto* ssh_folder = "/etc/ssh/";

// As Debian's openssh-server calls them: "ssh_host_ed25519_key", and with ".pub".
bool is_host_key(std::string_view name) {
  constexpr std::string_view stem = "ssh_host_";
  if (!name.starts_with(stem)) return false;
  const auto kind = name.substr(stem.size(), name.find('_', stem.size()) - stem.size());
  const auto rest = name.substr(stem.size() + kind.size());
  return !kind.empty() && kind.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string_view::npos &&
         (rest == "_key" || rest == "_key.pub");
}

} // namespace

Result<peer::Json> host_keys_here(system::Files& files) {
  peer::Json keys = peer::Json::object();
  const auto names = files.list(ssh_folder);
  if (!names && names.error().kind == ErrorKind::not_found) return keys;
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names) {
    if (!is_host_key(name)) continue;
    TANDEM_TRY(const auto content, files.read(ssh_folder + name));
    keys[ssh_folder + name] = to_base64(content);
  }
  return keys;
}

Result<std::map<std::string, std::string>> host_keys_of(const peer::Json& keys) {
  std::map<std::string, std::string> found;
  for (const auto& [path, content] : keys.items()) {
    if (!path.starts_with(ssh_folder) || !is_host_key(std::string_view(path).substr(std::string(ssh_folder).size())))
      return fail(ErrorKind::invalid, path + " is no key of sshd");
    TANDEM_TRY(const auto text, peer::text_member(keys, path));
    TANDEM_TRY(found[path], from_base64(text));
  }
  return found;
}

} // namespace tandem::agent
