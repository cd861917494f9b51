// What replication works with: the ports and who this server is.
#pragma once
#include "system/clock.hpp"
#include "system/databases.hpp"
#include "system/files.hpp"
#include "system/postgres_layout.hpp"
#include "system/processes.hpp"
#include "system/services.hpp"

#include <chrono>
#include <functional>
#include <string>

namespace tandem::replication {

// Told what is being done, line by line, for a person.
using Progress = std::function<void(const std::string& line)>;

struct DatabaseTools {
  system::Files& files;
  system::Processes& processes;
  system::Services& services;
  system::Databases& databases;
  system::Clock& clock;
  system::PostgresLayout layout;
  std::string self; // this server's name
  // Waits that long; false when the work is to end instead.
  std::function<bool(std::chrono::milliseconds)> pause;
  // Told each of rewind_points and copy_points before its work (first_copy.hpp); an error ends it as a failure of that
  // work would.
  std::function<Result<void>(std::string_view point)> reached = {};
};

inline Result<void> reached(const DatabaseTools& tools, std::string_view point) {
  return tools.reached ? tools.reached(point) : Result<void>();
}

// A server whose PostgreSQL is the primary.
struct Upstream {
  std::string name;
  std::string address;
};

} // namespace tandem::replication
