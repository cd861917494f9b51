#include "system/postgres.hpp"

#include "base/text.hpp"
#include "system/libpq.hpp"

#include <array>

namespace tandem::system {

struct LocalPostgres::Connection {
  const Libpq& pq;
  PGconn* handle;

  Connection(const Libpq& functions, PGconn* connected) : pq(functions), handle(connected) {}

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  ~Connection() { pq.finish(handle); }
};

namespace {

std::vector<Row> rows_of(const Libpq& pq, PGresult* result) {
  std::vector<Row> rows;
  for (int r = 0; r < pq.rows(result); ++r) {
    Row row;
    for (int c = 0; c < pq.columns(result); ++c)
      row.push_back(pq.is_null(result, r, c) != 0 ? std::nullopt : std::optional<std::string>(pq.value(result, r, c)));
    rows.push_back(std::move(row));
  }
  return rows;
}

PGconn* connect(const Libpq& pq, const std::string& database) {
  const std::array<const char*, 6> names{"host", "user", "dbname", "application_name", "connect_timeout", nullptr};
  const std::array<const char*, 6> values{"/var/run/postgresql", "postgres", database.c_str(), "tandem", "10", nullptr};
  return pq.connect(names.data(), values.data(), 0);
}

Result<std::vector<Row>> execute(const Libpq& pq, PGconn* handle, const std::string& statement,
                                 const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  for (const auto& parameter : parameters)
    values.push_back(parameter.c_str());
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(pq.execute(handle, statement.c_str(),
                                                                         static_cast<int>(values.size()), nullptr,
                                                                         values.data(), nullptr, nullptr, 0),
                                                              pq.clear);
  const auto status = pq.result_status(result.get());
  if (status == PGRES_TUPLES_OK) return rows_of(pq, result.get());
  if (status == PGRES_COMMAND_OK) return std::vector<Row>{};
  const auto kind = pq.status(handle) == CONNECTION_OK ? ErrorKind::failed : ErrorKind::unavailable;
  return fail(kind, "PostgreSQL says " + std::string(trim(pq.error_message(handle))));
}

} // namespace

LocalPostgres::LocalPostgres() = default;

LocalPostgres::~LocalPostgres() = default;

Result<std::vector<Row>> LocalPostgres::query(const std::string& database, const std::string& statement,
                                              const std::vector<std::string>& parameters) {
  TANDEM_TRY(const auto* pq, libpq());
  auto& connection = connections_[database];
  const bool reused = connection != nullptr;
  for (int attempt = 0;; ++attempt) {
    if (!connection) connection = std::make_unique<Connection>(*pq, connect(*pq, database));
    if (pq->status(connection->handle) != CONNECTION_OK) {
      const std::string said(trim(pq->error_message(connection->handle)));
      connection.reset();
      return fail(ErrorKind::unavailable, "connecting to PostgreSQL: " + said);
    }
    auto rows = execute(*pq, connection->handle, statement, parameters);
    const bool lost = !rows && rows.error().kind == ErrorKind::unavailable;
    if (lost) connection.reset();
    // A kept connection may have died with a restart of the server long before this statement was sent.
    if (!lost || !reused || attempt > 0) return rows;
  }
}

} // namespace tandem::system
