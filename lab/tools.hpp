// Programs that help to build a lab. They end when the lab's own process ends, however that happens: an interrupted
// `up` leaves nothing running behind its back.
#pragma once
#include "system/processes.hpp"

namespace tandem::lab {

class Tools final : public system::Processes {
public:
  Result<system::Outcome> run(const system::Command& command, const system::LineSink& on_line = {}) override;

private:
  system::LinuxProcesses processes_;
};

// Runs a program with what it starts in a process and mount namespace of its own: when it ends, all ends.
std::vector<std::string> contained(std::vector<std::string> arguments);

// Runs one that must succeed, for its output.
Result<std::string> output_of(system::Processes& processes, std::vector<std::string> arguments);

} // namespace tandem::lab
