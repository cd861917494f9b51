#include "base/generated.hpp"

namespace tandem {

std::string generated_header(std::string_view comment) {
  return fmt::format(
      "{0} Made by tandem from /etc/tandem/tandem.toml; change that file instead.\n"
      "{0} An edit made here is shown by `tandem plan`, and kept aside when the file is written again.\n",
      comment);
}

} // namespace tandem
