#include "lab/tools.hpp"

namespace tandem::lab {

Result<system::Outcome> Tools::run(const system::Command& command, const system::LineSink& on_line) {
  auto bound = command;
  const char* const prefix[] = {"setpriv", "--pdeathsig", "KILL", "--"};
  bound.arguments.insert(bound.arguments.begin(), std::begin(prefix), std::end(prefix));
  return processes_.run(bound, on_line);
}

std::vector<std::string> contained(std::vector<std::string> arguments) {
  const char* const prefix[] = {"unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--"};
  arguments.insert(arguments.begin(), std::begin(prefix), std::end(prefix));
  return arguments;
}

Result<std::string> output_of(system::Processes& processes, std::vector<std::string> arguments) {
  TANDEM_TRY(auto outcome, system::run_checked(processes, {.arguments = std::move(arguments)}));
  return std::move(outcome.output);
}

} // namespace tandem::lab
