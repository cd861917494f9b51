// What a machine must have for a lab, asked before anything is made on it.
#pragma once
#include "base/result.hpp"
#include "system/processes.hpp"

#include <cstdint>
#include <string>

namespace tandem::lab {

// Each is refused with what is missing and what to do about it.
Result<void> check_root();
Result<void> check_namespaces(system::Processes& processes);
// Of the file system on which the folder lies, or is going to lie.
Result<void> check_room(const std::string& folder, std::uint64_t needed_bytes);
// For a new lab: for what the cache lacks and for its own files.
Result<void> check_room_for_lab(const std::string& release);

} // namespace tandem::lab
