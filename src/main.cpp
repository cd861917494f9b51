// Builds the real ports and hands them to the command line. Nothing else does.
#include "adopt/read_server.hpp"
#include "agent/agent.hpp"
#include "agent/alert_keeper.hpp"
#include "agent/drift_binding.hpp"
#include "agent/operations/all.hpp"
#include "agent/push_keeper.hpp"
#include "agent/replication_binding.hpp"
#include "agent/role_binding.hpp"
#include "agent/site_database_keeper.hpp"
#include "agent/streams.hpp"
#include "agent/update_keeper.hpp"
#include "cli/environment.hpp"
#include "replication/files/census.hpp"
#include "replication/files/live.hpp"
#include "system/applications.hpp"
#include "system/linked_program.hpp"
#include "system/postgres.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>

namespace {

using namespace tandem;

constexpr auto* version = TANDEM_VERSION;

struct RealPorts {
  system::LinuxFiles files;
  system::LinuxProcesses processes;
  system::SystemdServices services;
  system::SystemdServices questions;
  system::DebianPackages packages{processes};
  system::DebianAccounts accounts{processes};
  system::LocalPostgres databases;
  system::LinuxClock clock;
  system::LinuxReach reach;
  system::LinuxUploads uploads;
  system::UwsgiApplications applications;

  system::Ports ports() {
    return {files, processes, services, packages, accounts, databases, clock, &reach, &questions, &uploads};
  }
};

Result<void> be_agent(RealPorts& real) {
  agent::Settings settings;
  settings.version = version;
  TANDEM_TRY(settings.machine, system::read_machine_facts());
  settings.gate_socket = system::inherited_socket("gate");
  settings.log = [](const std::string& line) { std::cerr << line << std::endl; };
  const auto files = std::make_shared<agent::FilesLedger>();
  const auto releases = std::make_shared<agent::ReleaseWork>(real.applications, files);
  auto operations = agent::standard_operations(releases);
  agent::bind_role(settings, operations, releases);
  agent::bind_replication(settings, operations, files);
  agent::bind_drift(settings);
  agent::bind_updates(settings, operations);
  agent::bind_pushes(settings, operations, releases);
  agent::bind_alerts(settings, operations);
  agent::bind_site_databases(settings, operations, releases);
  return agent::run_agent(real.ports(), std::move(settings), std::move(operations));
}

Result<adopt::Found> read(RealPorts& real, const system::LineSink& progress) {
  TANDEM_TRY(const auto machine, system::read_machine_facts());
  return adopt::read_server(real.ports(), machine, progress);
}

Result<void> receive_files(const std::vector<tandem::cli::Environment::Root>& roots, double deletion_guard) {
  std::vector<replication::LiveRoot> known;
  for (const auto& root : roots)
    known.push_back({.path = root.path, .patterns = replication::Patterns(root.left_out), .removed = root.removed});
  return replication::receive_files(known, deletion_guard, STDIN_FILENO, STDOUT_FILENO);
}

Result<tandem::cli::Environment::Compared> compare_files(const std::string& server,
                                                         const std::vector<std::string>& words, bool streamed,
                                                         const std::function<Result<void>()>& flush) {
  TANDEM_TRY(const auto roots, replication::census_roots(words));
  std::signal(SIGPIPE, SIG_IGN); // the other end may refuse, and says why
  system::Command command{.arguments = {"tandem", "stream", server, "compare-files"}};
  if (!streamed) command.arguments.emplace_back(tandem::agent::no_stream_word);
  command.arguments.insert(command.arguments.end(), words.begin(), words.end());
  TANDEM_TRY(auto stream, system::start_linked(command));
  TANDEM_TRY(auto taker, replication::CensusTaker::open(roots, stream.socket.get(), stream.socket.get()));
  auto census = replication::take_census(taker, flush);
  stream.socket.reset();
  TANDEM_CHECK(system::wait_for_end(stream, std::chrono::seconds(5)));
  if (!census) return std::unexpected(std::move(census).error());
  tandem::cli::Environment::Compared compared{
      .names = census->names, .unlike = census->unlike, .groups = census->groups};
  for (const auto& [root, path] : census->places)
    compared.places.push_back(roots.at(root).path + (path.empty() ? "" : "/") + path);
  if (census->differences) {
    compared.differences.emplace();
    for (const auto& [place, missing, extra] : *census->differences)
      compared.differences->push_back({place.root, place.path, missing, extra});
  }
  return compared;
}

Result<void> answer_comparison(const std::vector<std::string>& words) {
  TANDEM_TRY(const auto roots, replication::census_roots(words));
  return replication::answer_census(roots, STDIN_FILENO, STDOUT_FILENO);
}

Result<void> become(const std::vector<std::string>& arguments) {
  std::vector<char*> words;
  for (const auto& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  std::cout.flush();
  ::execvp(words.front(), words.data());
  return failed(arguments.front() + " cannot be started: " + std::strerror(errno));
}

} // namespace

int main(int argc, char** argv) {
  RealPorts real;
  tandem::cli::Environment environment{.services = real.services,
                                       .files = real.files,
                                       .socket = "/run/tandem/agent.sock",
                                       .version = version,
                                       .run_agent = [&] { return be_agent(real); },
                                       .receive_files = receive_files,
                                       .compare_files = compare_files,
                                       .answer_comparison = answer_comparison,
                                       .become = become,
                                       .read_server = [&](const auto& progress) { return read(real, progress); },
                                       .out = std::cout,
                                       .errors = std::cerr,
                                       .terminal = ::isatty(STDERR_FILENO) == 1,
                                       .root = ::geteuid() == 0};
  return tandem::cli::run(argc, argv, environment);
}
