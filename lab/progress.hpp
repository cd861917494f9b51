// How the lab tells what it does.
#pragma once
#include <functional>
#include <string>

namespace tandem::lab {

// One sentence at a time, for a person; called from several threads, never at the same moment.
using Progress = std::function<void(const std::string& line)>;

} // namespace tandem::lab
