// Where Debian keeps the one PostgreSQL cluster of a server. Pure.
#pragma once
#include "system/postgres_layout.hpp"

namespace tandem::setup {

using PostgresNames = system::PostgresLayout;

[[nodiscard]] inline PostgresNames postgres_names(int version) {
  return system::postgres_layout(version);
}

} // namespace tandem::setup
