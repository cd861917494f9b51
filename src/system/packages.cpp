#include "system/packages.hpp"

#include "base/text.hpp"

#include <fstream>
#include <sstream>

namespace tandem::system {

std::map<std::string, std::string> parse_dpkg_status(const std::string& text) {
  std::map<std::string, std::string> installed;
  std::string_view package;
  std::string_view version;
  bool is_installed = false;
  const auto finish = [&] {
    if (is_installed && !package.empty()) installed.emplace(package, version);
    package = version = {};
    is_installed = false;
  };
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    if (line.empty()) finish();
    if (line.starts_with("Package: ")) package = line.substr(9);
    if (line.starts_with("Version: ")) version = line.substr(9);
    if (line.starts_with("Status: ")) is_installed = line.ends_with(" ok installed");
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  finish();
  return installed;
}

Result<std::map<std::string, std::string>> DebianPackages::installed() {
  std::ifstream file("/var/lib/dpkg/status", std::ios::binary);
  if (!file) return failed("reading /var/lib/dpkg/status", "Is this a Debian system?");
  std::ostringstream text;
  text << file.rdbuf();
  return parse_dpkg_status(text.str());
}

Result<void> DebianPackages::install(const std::vector<std::string>& names, const LineSink& on_line) {
  // Another apt may run (unattended upgrades at boot): wait for its lock instead of failing at once.
  const std::vector<std::string> options = {"-q", "-y",
                                            "-o", "DPkg::Lock::Timeout=300",
                                            "-o", "Dpkg::Options::=--force-confdef",
                                            "-o", "Dpkg::Options::=--force-confold",
                                            "-o", "Dpkg::Use-Pty=0",
                                            "-o", "APT::Install-Recommends=false"};
  const auto apt = [&](std::vector<std::string> words, const std::vector<std::string>& more) -> Result<void> {
    Command command{.arguments = {"apt-get"}, .environment = {{"DEBIAN_FRONTEND", "noninteractive"}}};
    command.arguments.insert(command.arguments.end(), options.begin(), options.end());
    command.arguments.insert(command.arguments.end(), words.begin(), words.end());
    command.arguments.insert(command.arguments.end(), more.begin(), more.end());
    command.time_limit = std::chrono::minutes(30);
    TANDEM_CHECK(run_checked(processes_, command, on_line));
    return {};
  };
  TANDEM_CHECK(apt({"update"}, {}));
  // A run that was cut off leaves packages half configured; this finishes them and does nothing otherwise.
  Command configure{.arguments = {"dpkg", "--configure", "-a", "--force-confdef", "--force-confold"},
                    .environment = {{"DEBIAN_FRONTEND", "noninteractive"}}};
  configure.time_limit = std::chrono::minutes(30);
  TANDEM_CHECK(run_checked(processes_, configure, on_line));
  return apt({"install", "--"}, names);
}

} // namespace tandem::system
