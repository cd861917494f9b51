// The port to PostgreSQL, over libpq.
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tandem::system {

using Row = std::vector<std::optional<std::string>>; // NULL is nullopt

class Databases {
public:
  virtual ~Databases() = default;
  // One statement on the local server, connected over its unix socket as the operating-system user "postgres"
  // (peer authentication). Parameters are $1, $2 …; unavailable when the server does not accept connections.
  virtual Result<std::vector<Row>> query(const std::string& database, const std::string& statement,
                                         const std::vector<std::string>& parameters = {}) = 0;
};

} // namespace tandem::system
