#include "setup/postgres_names.hpp"

namespace tandem::setup {

PostgresNames postgres_names(int version) {
  const auto number = std::to_string(version);
  return {.unit = "postgresql@" + number + "-main.service",
          .config = "/etc/postgresql/" + number + "/main",
          .data = "/var/lib/postgresql/" + number + "/main",
          .binaries = "/usr/lib/postgresql/" + number + "/bin"};
}

} // namespace tandem::setup
