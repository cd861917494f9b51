// A program whose standard input and output are one end of a socket pair, for streams between servers.
#pragma once
#include "system/descriptor.hpp"
#include "system/processes.hpp"

namespace tandem::system {

struct LinkedProgram {
  Descriptor socket;  // our end: what is written comes to its standard input, what is read is its output
  Descriptor process; // a pidfd; readable once the program has ended
  int group = 0;      // its process group
};

// Starts it in a process group of its own; its errors go to our standard error. Of the command only the arguments,
// the environment and no user count: it runs as ourselves in "/".
Result<LinkedProgram> start_linked(const Command& command);
// Whether it has ended already. After wait_for_end() has returned, always.
[[nodiscard]] bool has_ended(const LinkedProgram& program);
// Ends it and its children at once, without waiting for that. Nothing happens when it has ended.
void kill_now(const LinkedProgram& program);
// Its exit status, 128 + signal when one killed it. Waits `patience` for its end, then sends SIGTERM and, two seconds
// later, SIGKILL to its group. Once for each program.
Result<int> wait_for_end(const LinkedProgram& program, std::chrono::milliseconds patience);

} // namespace tandem::system
