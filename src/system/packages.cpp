#include "system/packages.hpp"

#include "base/text.hpp"
#include "system/pause.hpp"

#include <fstream>
#include <sstream>

namespace tandem::system {

namespace {

constexpr std::chrono::minutes longest_wait{10};

// dpkg tells the number only.
std::string with_name(const std::string& holder) {
  constexpr std::string_view process = "process ";
  std::string name;
  if (!holder.ends_with(')') && holder.starts_with(process))
    std::getline(std::ifstream("/proc/" + holder.substr(process.size()) + "/comm"), name);
  return name.empty() ? holder : fmt::format("{} ({})", holder, name);
}

} // namespace

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

std::optional<std::string> lock_holder(const std::string& errors) {
  constexpr std::string_view of_apt = "It is held by ";
  constexpr std::string_view of_dpkg = "locked by another process with pid ";
  for (const auto& line : lines_of(errors)) {
    if (const auto at = line.find(of_apt); at != std::string::npos && line.find("ould not get lock") < at)
      return line.substr(at + of_apt.size());
    if (const auto at = line.find(of_dpkg); at != std::string::npos)
      return "process " + line.substr(at + of_dpkg.size());
  }
  return std::nullopt;
}

// An upgrade that runs at boot, or a person's apt: only `apt-get install` waits for its end by itself.
Result<void> DebianPackages::run_free(const Command& command, const LineSink& on_line,
                                      const std::function<bool()>& may_wait) {
  std::string told;
  for (auto tries = longest_wait / between_tries_;; --tries) {
    TANDEM_TRY(const auto outcome, processes_.run(command, on_line));
    if (outcome.ok()) return {};
    const auto locked_by = lock_holder(outcome.errors);
    if (!locked_by) {
      TANDEM_CHECK(checked(command, outcome));
      return {};
    }
    const auto holder = with_name(*locked_by);
    if (tries <= 0)
      return fail(ErrorKind::unavailable,
                  fmt::format("{} waits since {} minutes for {}, which holds its lock", command.arguments[0],
                              longest_wait.count(), holder),
                  "Wait until that has ended, or end it; then `tandem apply` goes on");
    if (may_wait && !may_wait())
      return fail(ErrorKind::unavailable, fmt::format("{} holds the lock of {}", holder, command.arguments[0]),
                  "Wait until that has ended; then `tandem apply` goes on");
    if (std::exchange(told, holder) != holder && on_line)
      on_line(fmt::format("waiting for {}, which holds the lock of {}", holder, command.arguments[0]));
    pause_thread(between_tries_);
  }
}

Result<void> DebianPackages::install(const std::vector<std::string>& names, const LineSink& on_line,
                                     const std::function<bool()>& may_wait) {
  const std::vector<std::string> options = {"-q", "-y",
                                            "-o", "Dpkg::Options::=--force-confdef",
                                            "-o", "Dpkg::Options::=--force-confold",
                                            "-o", "Dpkg::Use-Pty=0",
                                            "-o", "APT::Install-Recommends=false"};
  const auto apt = [&](std::vector<std::string> words, const std::vector<std::string>& more) {
    Command command{.arguments = {"apt-get"}, .environment = {{"DEBIAN_FRONTEND", "noninteractive"}}};
    command.arguments.insert(command.arguments.end(), options.begin(), options.end());
    command.arguments.insert(command.arguments.end(), words.begin(), words.end());
    command.arguments.insert(command.arguments.end(), more.begin(), more.end());
    command.time_limit = std::chrono::minutes(30);
    return run_free(command, on_line, may_wait);
  };
  TANDEM_CHECK(apt({"update"}, {}));
  // A run that was cut off leaves packages half configured; this finishes them and does nothing otherwise.
  Command configure{.arguments = {"dpkg", "--configure", "-a", "--force-confdef", "--force-confold"},
                    .environment = {{"DEBIAN_FRONTEND", "noninteractive"}}};
  configure.time_limit = std::chrono::minutes(30);
  // Where it lacks a package that was not unpacked, because the disk was full, say, apt-get gets that first.
  if (const auto configured = run_free(configure, on_line, may_wait); !configured) {
    if (configured.error().kind == ErrorKind::unavailable) return configured;
    const auto fixed = apt({"install", "--fix-broken", "--no-remove"}, {});
    if (!fixed) return std::unexpected(Error(fixed.error()).within(configured.error().message));
  }
  return apt({"install", "--no-remove", "--"}, names);
}

} // namespace tandem::system
