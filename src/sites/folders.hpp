#pragma once
#include "base/result.hpp"
#include "system/files.hpp"

#include <string>

namespace tandem::sites {

constexpr system::Ownership root{0, 0};

// Makes a folder, or mends one whose making was cut off or which has another owner or mode.
Result<void> ensure_folder(system::Files& files, const std::string& path, std::uint32_t mode, system::Ownership owner);

} // namespace tandem::sites
