#include "lab/root.hpp"

#include "base/text.hpp"
#include "lab/tools.hpp"

namespace tandem::lab {

namespace {

// Each command gets the root folder as "$1".
const std::vector<std::string> common_steps{
    R"(rm -f "$1"/etc/ssh/ssh_host_*)",
    R"(rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/var/lib/apt/lists/*)",
    R"(rm -f "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id)",
    R"(chroot "$1" systemctl enable systemd-networkd.service)",
};

} // namespace

const std::vector<std::string> outside_steps{
    R"(chroot "$1" useradd --system --home-dir /srv/git --create-home --shell /usr/bin/git-shell git)",
    R"(chmod 0755 "$1"/srv/git)",
    R"(chroot "$1" git config --system safe.directory '*')", // the web server reads repositories of the user git
};

std::string root_recipe(const std::vector<std::string>& packages, const std::vector<std::string>& steps) {
  return "recipe 1\n" + join(packages, " ") + "\n" + join(common_steps, "\n") + "\n" + join(steps, "\n");
}

Result<void> build_root(const std::string& folder, const std::string& release, const std::vector<std::string>& sources,
                        const std::vector<std::string>& packages, const std::vector<std::string>& steps,
                        const Progress& progress) {
  std::vector<std::string> arguments{"mmdebstrap",
                                     "--mode=root",
                                     "--variant=minbase",
                                     "--include=" + join(packages, ","),
                                     "--aptopt=Acquire::Check-Valid-Until \"false\"", // the mirror may be a snapshot
                                     "--aptopt=APT::Install-Recommends \"false\""};
  for (const auto* list : {&common_steps, &steps})
    for (const auto& step : *list)
      arguments.push_back("--customize-hook=" + step);
  arguments.insert(arguments.end(), {release, folder});
  arguments.insert(arguments.end(), sources.begin(), sources.end());
  Tools tools;
  const system::LineSink tell = [&](std::string_view line) {
    if (line.starts_with("I: ") && line.ends_with("...")) progress("  " + std::string(line.substr(3)));
  };
  TANDEM_CHECK(system::run_checked(
      tools, {.arguments = contained(std::move(arguments)), .time_limit = std::chrono::minutes(20)}, tell));
  return {};
}

} // namespace tandem::lab
