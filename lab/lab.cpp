#include "lab/lab.hpp"

#include "base/text.hpp"
#include "system/files.hpp"

#include <filesystem>

namespace tandem::lab {

namespace {

constexpr std::chrono::seconds boot_limit(120);

} // namespace

Lab::Lab(Names names, std::string release, Image bare, Image outside)
    : names_(std::move(names)), release_(std::move(release)), bare_(std::move(bare)), outside_(std::move(outside)),
      tools_(std::make_unique<Tools>()) {}

Result<Container> Lab::container(const std::string& host) {
  TANDEM_TRY(const auto found, find_host(host));
  return Container(*tools_, names_, found);
}

Result<system::Outcome> Lab::run(const std::string& host, std::vector<std::string> arguments,
                                 const RunOptions& options) {
  TANDEM_TRY(auto command, command_on(host, arguments, options.user));
  return tools_->run({.arguments = std::move(command), .input = options.input, .time_limit = options.time_limit},
                     options.on_line);
}

Result<std::string> Lab::run_checked(const std::string& host, std::vector<std::string> arguments,
                                     const RunOptions& options) {
  TANDEM_TRY(auto command, command_on(host, arguments, options.user));
  auto outcome = system::run_checked(
      *tools_, {.arguments = std::move(command), .input = options.input, .time_limit = options.time_limit},
      options.on_line);
  if (!outcome) return std::unexpected(std::move(outcome).error().within(join(arguments, " ") + " on " + host));
  return std::move(outcome->output);
}

Result<std::vector<std::string>> Lab::command_on(const std::string& host, const std::vector<std::string>& arguments,
                                                 const std::optional<std::string>& user) {
  TANDEM_TRY(const auto found, container(host));
  return found.inside(arguments, user);
}

Result<system::Outcome> Lab::run_in_network(std::vector<std::string> arguments, const RunOptions& options) {
  return tools_->run({.arguments = command_in_network(std::move(arguments)),
                      .input = options.input,
                      .user = options.user,
                      .time_limit = options.time_limit},
                     options.on_line);
}

std::vector<std::string> Lab::command_in_network(std::vector<std::string> arguments) const {
  return Network(*tools_, names_).inside(std::move(arguments));
}

Result<void> Lab::cut(const std::string& host) {
  TANDEM_TRY(const auto found, find_host(host));
  TANDEM_TRY(auto server, container(host));
  Network network(*tools_, names_);
  TANDEM_CHECK(network.unplug(found));
  TANDEM_CHECK(server.kill());
  return network.remove_port(found);
}

Result<void> Lab::boot(const std::string& host) {
  TANDEM_TRY(const auto found, find_host(host));
  TANDEM_TRY(auto server, container(host));
  if (!server.leader()) {
    TANDEM_CHECK(server.kill()); // what is left of one that switched itself off
    TANDEM_CHECK(Network(*tools_, names_).remove_port(found));
    TANDEM_CHECK(server.start(found.bare ? bare_ : outside_));
  }
  return server.wait_ready(boot_limit);
}

Result<void> Lab::power_off(const std::string& host) {
  TANDEM_TRY(auto server, container(host));
  return server.power_off();
}

Result<void> Lab::freeze(const std::string& host) {
  TANDEM_TRY(auto server, container(host));
  return server.freeze();
}

Result<void> Lab::thaw(const std::string& host) {
  TANDEM_TRY(auto server, container(host));
  return server.thaw();
}

Result<void> Lab::partition(const std::string& a, const std::string& b, bool one_way) {
  TANDEM_TRY(const auto from, find_host(a));
  TANDEM_TRY(const auto to, find_host(b));
  if (a == b) return fail(ErrorKind::invalid, "a host cannot be parted from itself", "Name two hosts.");
  return Network(*tools_, names_).partition(from, to, !one_way);
}

Result<void> Lab::slow_down(const std::string& a, const std::string& b, unsigned kilobytes) {
  TANDEM_TRY(const auto one, find_host(a));
  TANDEM_TRY(const auto other, find_host(b));
  return Network(*tools_, names_).slow_down(one, other, kilobytes);
}

Result<void> Lab::heal() {
  return Network(*tools_, names_).heal();
}

Result<std::vector<std::string>> Lab::partitions() {
  return Network(*tools_, names_).partitions();
}

HostState Lab::state(const std::string& host) {
  const auto server = container(host);
  if (!server) return {};
  const auto leader = server->leader();
  if (!leader) return {};
  if (server->frozen()) return {HostState::Power::frozen, leader};
  const auto answer = run(host, {"systemctl", "is-system-running"}, {.time_limit = std::chrono::seconds(5)});
  const bool running = answer && trim(answer->output) == "running";
  return {running ? HostState::Power::running : HostState::Power::booting, leader};
}

} // namespace tandem::lab
