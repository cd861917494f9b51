#include "lab/network.hpp"

#include "base/text.hpp"
#include "lab/wait.hpp"

#include <signal.h>
#include <unistd.h>

#include <filesystem>

namespace tandem::lab {

namespace fs = std::filesystem;

std::vector<std::string> Network::inside(std::vector<std::string> arguments) const {
  // Not "ip netns exec": that mounts a /sys of its own, which hides the control groups.
  arguments.insert(arguments.begin(), {"nsenter", "--net=" + names_.network_file(), "--"});
  return arguments;
}

Result<system::Outcome> Network::run(std::vector<std::string> arguments, const std::string& input) {
  return system::run_checked(processes_, {.arguments = inside(std::move(arguments)), .input = input});
}

bool Network::exists() const {
  return fs::exists(names_.network_file());
}

Result<void> Network::make() {
  if (!exists()) TANDEM_CHECK(system::run_checked(processes_, {.arguments = {"ip", "netns", "add", names_.network()}}));
  const auto name = std::string(bridge);
  if (auto found = processes_.run({.arguments = inside({"ip", "link", "show", name})}); found && found->ok()) return {};
  TANDEM_CHECK(run({"ip", "link", "set", "lo", "up"}));
  TANDEM_CHECK(run({"ip", "link", "add", name, "type", "bridge"}));
  TANDEM_CHECK(run({"ip", "address", "add", std::string(machine_address) + "/24", "dev", name}));
  TANDEM_CHECK(run({"ip", "link", "set", name, "up"}));
  return {};
}

Result<void> Network::remove() {
  if (!exists()) return {};
  const auto end_all = [this] {
    auto pids = processes_.run({.arguments = {"ip", "netns", "pids", names_.network()}});
    if (!pids) return false;
    bool none = true;
    for (const auto& line : lines_of(pids->output))
      if (const auto pid = to_number(line); pid && *pid != ::getpid()) {
        ::kill(static_cast<pid_t>(*pid), SIGKILL);
        none = false;
      }
    return none;
  };
  if (!wait_until(end_all, std::chrono::seconds(10)))
    return failed("processes in the network namespace " + names_.network() + " live on");
  TANDEM_CHECK(system::run_checked(processes_, {.arguments = {"ip", "netns", "delete", names_.network()}}));
  return {};
}

bool Network::has_port(const Host& host) {
  auto found = processes_.run({.arguments = inside({"ip", "link", "show", Names::port(host.name)})});
  return found && found->ok();
}

Result<void> Network::unplug(const Host& host) {
  if (!has_port(host)) return {};
  TANDEM_CHECK(run({"ip", "link", "set", Names::port(host.name), "down"}));
  return {};
}

Result<void> Network::remove_port(const Host& host) {
  if (!has_port(host)) return {};
  auto removed = run({"ip", "link", "delete", Names::port(host.name)});
  if (!removed && has_port(host)) return std::unexpected(removed.error()); // else it went by itself meanwhile
  return {};
}

Result<void> Network::drop(const Host& one, const Host& other, bool both_ways, const std::string& what) {
  const auto rule = [&](const Host& sender, const Host& receiver) {
    return "add rule bridge partition drops iifname \"" + Names::port(sender.name) + "\" oifname \"" +
           Names::port(receiver.name) + "\" " + what + "drop\n";
  };
  const std::string rules = "add table bridge partition\nadd chain bridge partition drops "
                            "{ type filter hook forward priority 0; }\n" +
                            rule(one, other) + (both_ways ? rule(other, one) : "");
  TANDEM_CHECK(run({"nft", "-f", "-"}, rules));
  return {};
}

Result<void> Network::partition(const Host& from, const Host& to, bool both_ways) {
  return drop(from, to, both_ways, "");
}

Result<void> Network::slow_down(const Host& one, const Host& other, unsigned kilobytes) {
  return drop(one, other, true, "limit rate over " + std::to_string(kilobytes) + " kbytes/second ");
}

Result<void> Network::heal() {
  TANDEM_CHECK(run({"nft", "-f", "-"}, "add table bridge partition\ndelete table bridge partition\n"));
  return {};
}

Result<std::vector<std::string>> Network::partitions() {
  TANDEM_TRY(const auto rules, run({"nft", "list", "ruleset"}));
  std::vector<std::string> found;
  for (const auto& from : hosts)
    for (const auto& to : hosts)
      if (rules.output.find("iifname \"" + Names::port(from.name) + "\" oifname \"" + Names::port(to.name) +
                            "\" drop") != std::string::npos)
        found.push_back(std::string(from.name) + " does not reach " + std::string(to.name));
  return found;
}

} // namespace tandem::lab
