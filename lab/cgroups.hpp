// Control groups of a lab's hosts: what a host runs is known, frozen and killed as one.
// A host gets a group of its own in the unified hierarchy and, where the machine still has it, in systemd's version 1
// hierarchy: two hosts' systemd in one group would take each other's services for their own.
#pragma once
#include "base/result.hpp"

#include <sys/types.h>

#include <string>
#include <vector>

namespace tandem::lab {

class Cgroup {
public:
  // Path below the hierarchies' roots, such as "tandem-lab/default/uno".
  static Result<Cgroup> at(const std::string& path);

  Result<void> make() const;
  [[nodiscard]] bool exists() const;
  // The files into which a process writes "0" to become a member.
  [[nodiscard]] std::vector<std::string> join_files() const;
  // Of the group and all below it. Empty when there is no such group.
  [[nodiscard]] std::vector<pid_t> processes() const;
  // All processes, those to come as well. A frozen process can still be killed.
  [[nodiscard]] Result<void> set_frozen(bool frozen) const;
  [[nodiscard]] bool frozen() const;
  // Kills all processes and waits until the last is gone. No such group: nothing to do.
  [[nodiscard]] Result<void> kill() const;
  // Removes the group and all below it, which must be empty of processes.
  [[nodiscard]] Result<void> remove() const;
  // Removes the group unless it has members or groups below it.
  void remove_if_empty() const;

private:
  std::vector<std::string> folders_; // one a hierarchy; the unified one first
};

} // namespace tandem::lab
