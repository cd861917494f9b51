// PostgreSQL's client library, loaded when it is first needed: it brings twenty libraries with it (LDAP, Kerberos,
// GnuTLS), which would cost every command 25 ms at its start, and only the agent asks PostgreSQL.
#pragma once
#include "base/result.hpp"

#include <libpq-fe.h>

namespace tandem::system {

// The functions of libpq-fe.h by their names without "PQ".
struct Libpq {
  decltype(&::PQconnectdbParams) connect;
  decltype(&::PQfinish) finish;
  decltype(&::PQstatus) status;
  decltype(&::PQerrorMessage) error_message;
  decltype(&::PQexecParams) execute;
  decltype(&::PQclear) clear;
  decltype(&::PQresultStatus) result_status;
  decltype(&::PQntuples) rows;
  decltype(&::PQnfields) columns;
  decltype(&::PQgetisnull) is_null;
  decltype(&::PQgetvalue) value;
};

// Loaded once for the life of the process; any thread. not_found when it is not installed.
Result<const Libpq*> libpq();

} // namespace tandem::system
