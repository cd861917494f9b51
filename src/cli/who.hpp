// Who types a command.
#pragma once
#include <string>

namespace tandem::cli {

// Whoever waits for what a command holds is told this name: the person behind sudo where there is one.
[[nodiscard]] std::string person();

} // namespace tandem::cli
