#include "cli/who.hpp"

#include <cstdlib>

namespace tandem::cli {

std::string person() {
  for (const auto* variable : {"SUDO_USER", "LOGNAME", "USER"})
    if (const auto* name = std::getenv(variable); name != nullptr && *name != '\0') return name;
  return "root";
}

} // namespace tandem::cli
