// What a machine must have for a lab, asked before anything is made on it.
#pragma once
#include "base/result.hpp"
#include "system/processes.hpp"

#include <cstdint>
#include <string>

namespace tandem::lab {

// Each is refused with what is missing and what to do about it: all of them, with room on the disk for what the cache
// lacks and for a lab's own files; one of them.
Result<void> check_machine(system::Processes& processes, const std::string& release);

Result<void> check_root();
Result<void> check_namespaces(system::Processes& processes);
// Of the file system on which the folder lies, or is going to lie.
Result<void> check_room(const std::string& folder, std::uint64_t needed_bytes);

} // namespace tandem::lab
