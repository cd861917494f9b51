#include "lab/host_files.hpp"

#include "base/text.hpp"
#include "lab/tools.hpp"
#include "system/files.hpp"

#include <filesystem>
#include <random>

namespace tandem::lab {

namespace fs = std::filesystem;

namespace {

// Without the localhost line Debian's PostgreSQL hangs at its start; there is no name server at all.
std::string hosts_file() {
  std::string text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
  for (const auto& host : hosts)
    text += std::string(host.address) + " " + std::string(host.name) + "\n";
  return text;
}

// No gateway: what a host sends to the outside fails at once instead of after a time-out.
std::string network_file(const Host& host) {
  return "[Match]\nName=host0\n\n[Network]\nAddress=" + std::string(host.address) +
         "/24\nLLDP=no\nEmitLLDP=no\nIPv6AcceptRA=no\n";
}

// A made one, so that systemd does not take the first boot for a first boot and presets units.
std::string machine_id() {
  std::random_device random;
  std::string text;
  while (text.size() < 32)
    text += fmt::format("{:08x}", random());
  return text + "\n";
}

constexpr const char* git_server = R"(server {
  listen 80;
  server_name tre 10.77.0.13;
  location ~ ^/git(/.*)$ {
    include fastcgi_params;
    fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
    fastcgi_param GIT_HTTP_EXPORT_ALL "";
    fastcgi_param GIT_PROJECT_ROOT /srv/git;
    fastcgi_param PATH_INFO $1;
    fastcgi_pass unix:/run/fcgiwrap.socket;
  }
}
)";

// Keys of the user git lie outside its home: here its uid, as the owner of a home, is not known.
constexpr const char* git_keys = "Match User git\n"
                                 "  AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/git_authorized_keys\n";

// Hosts of the lab are made anew all the time under the same names.
constexpr const char* ssh_client = "Host uno duo tre 10.77.0.*\n  StrictHostKeyChecking no\n"
                                   "  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n";

class Upper {
public:
  explicit Upper(std::string root) : root_(std::move(root)) {}

  // Folders on the way get mode 0755; the overlay takes their mode from here.
  Result<void> write(const std::string& path, const std::string& text, std::uint32_t mode = 0644) {
    std::error_code error;
    fs::create_directories(fs::path(root_ + path).parent_path(), error);
    if (error) return failed("cannot make the folder of " + root_ + path + ": " + error.message());
    return files_.write(root_ + path, text, mode, {});
  }

  Result<void> folder(const std::string& path, std::uint32_t mode) {
    TANDEM_CHECK(files_.make_folder(root_ + path, mode, {}));
    return files_.set_mode(root_ + path, mode);
  }

private:
  std::string root_;
  system::LinuxFiles files_;
};

Result<void> write_identity(Upper& upper, const Host& host) {
  TANDEM_CHECK(upper.write("/etc/hostname", std::string(host.name) + "\n"));
  TANDEM_CHECK(upper.write("/etc/machine-id", machine_id(), 0444));
  TANDEM_CHECK(upper.write("/etc/hosts", hosts_file()));
  TANDEM_CHECK(upper.write("/etc/resolv.conf", ""));
  TANDEM_CHECK(upper.write("/etc/systemd/network/10-lab.network", network_file(host)));
  return upper.write("/etc/apt/sources.list", "deb [trusted=yes] file:/srv/archive ./\n");
}

Result<void> write_keys(Upper& upper, const Names& names, const Host& host) {
  system::LinuxFiles files;
  TANDEM_TRY(const auto public_key, files.read(names.key_file() + ".pub"));
  TANDEM_CHECK(upper.folder("/root", 0700));
  TANDEM_CHECK(upper.folder("/root/.ssh", 0700));
  TANDEM_CHECK(upper.write("/root/.ssh/authorized_keys", public_key, 0600));
  if (host.bare) return {};
  TANDEM_TRY(const auto private_key, files.read(names.key_file()));
  TANDEM_CHECK(upper.write("/root/.ssh/id_ed25519", private_key, 0600));
  TANDEM_CHECK(upper.write("/root/.ssh/id_ed25519.pub", public_key));
  TANDEM_CHECK(upper.write("/root/.ssh/config", ssh_client, 0600));
  TANDEM_CHECK(upper.write("/etc/ssh/git_authorized_keys", public_key));
  TANDEM_CHECK(upper.write("/etc/ssh/sshd_config.d/git.conf", git_keys));
  return upper.write("/etc/nginx/conf.d/git.conf", git_server);
}

} // namespace

Result<void> make_lab_key(const Names& names) {
  if (fs::exists(names.key_file() + ".pub")) return {};
  Tools tools;
  TANDEM_CHECK(
      output_of(tools, {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "root@tre", "-f", names.key_file()}));
  return {};
}

Result<void> make_host_files(const Names& names, const Host& host) {
  const auto folder = names.host_folder(host.name);
  std::error_code error;
  for (const char* part : {"/upper/etc/ssh", "/work", "/merged", "/www"})
    fs::create_directories(folder + part, error);
  if (error) return failed("cannot make " + folder + ": " + error.message());
  Upper upper(folder + "/upper");
  TANDEM_CHECK(write_identity(upper, host));
  TANDEM_CHECK(write_keys(upper, names, host));
  Tools tools;
  TANDEM_CHECK(output_of(tools, {"ssh-keygen", "-q", "-A", "-f", folder + "/upper"}));
  return {};
}

} // namespace tandem::lab
