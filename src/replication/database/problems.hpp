// What is wrong with a server's part in the database's replication, in sentences. Pure.
#pragma once
#include "replication/database/standing.hpp"

namespace tandem::replication {

struct DatabaseRole {
  std::string self;
  std::string primary;             // of the pair
  std::vector<std::string> others; // all servers but this one
  double lag_limit = 30;           // seconds
};

[[nodiscard]] std::vector<std::string> database_problems(const DatabaseStanding& standing, const DatabaseRole& role);

} // namespace tandem::replication
