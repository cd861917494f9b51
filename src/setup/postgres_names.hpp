// Where Debian keeps the one PostgreSQL cluster of a server. Pure.
#pragma once
#include <string>

namespace tandem::setup {

struct PostgresNames {
  std::string unit;     // systemd's
  std::string config;   // folder of the cluster's configuration
  std::string data;     // the data directory
  std::string binaries; // folder of the server's programs
};

[[nodiscard]] PostgresNames postgres_names(int version);

} // namespace tandem::setup
