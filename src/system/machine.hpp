// What the kernel says of this machine, and what systemd handed to this process. Read once, at the start.
#pragma once
#include "base/result.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tandem::system {

struct MachineFacts {
  std::string host_name;
  std::vector<std::string> addresses; // of its interfaces, without loopback and link-local ones
  std::string boot_id;                // the kernel's; changes with every boot
};

Result<MachineFacts> read_machine_facts();

// Tells systemd that the service is ready, or a line for `systemctl status`. Without systemd it does nothing.
void notify_ready(const std::string& status);
void notify_stopping();

// The listening socket that a socket unit of that name (FileDescriptorName=) passed on; nullopt when there is none.
std::optional<int> inherited_socket(const std::string& name);

} // namespace tandem::system
