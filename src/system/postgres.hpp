// The databases port over libpq.
#pragma once
#include "system/databases.hpp"

#include <map>

namespace tandem::system {

// Keeps one connection a database; a connection that breaks is opened again once. One thread at a time.
// Root is let in as "postgres" by the line that tandem puts into pg_ident.conf.
class LocalPostgres final : public Databases {
public:
  LocalPostgres();
  ~LocalPostgres() override;
  Result<std::vector<Row>> query(const std::string& database, const std::string& statement,
                                 const std::vector<std::string>& parameters) override;

private:
  struct Connection;
  std::map<std::string, std::unique_ptr<Connection>> connections_;
};

} // namespace tandem::system
