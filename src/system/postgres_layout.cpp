#include "system/postgres_layout.hpp"

#include "base/generated.hpp"
#include "base/text.hpp"

namespace tandem::system {

namespace {

std::string quoted(const std::string& value) {
  return "'" + replace_all(value, "'", "''") + "'";
}

} // namespace

PostgresLayout postgres_layout(int version) {
  const auto number = std::to_string(version);
  return {.unit = "postgresql@" + number + "-main.service",
          .config = "/etc/postgresql/" + number + "/main",
          .data = "/var/lib/postgresql/" + number + "/main",
          .binaries = "/usr/lib/postgresql/" + number + "/bin"};
}

std::string replication_slot(const std::string& standby) {
  return "tandem_" + replace_all(standby, "-", "_");
}

std::string replication_connection(const std::string& address, const std::string& application) {
  return fmt::format("host={} port=5432 user=replicator application_name={} sslmode=verify-full "
                     "sslcert={}/server.pem sslkey={}/server.key sslrootcert={}/ca.pem "
                     "connect_timeout=5 keepalives_idle=5 keepalives_interval=2 keepalives_count=3",
                     address, application, postgres_certificates, postgres_certificates, postgres_certificates);
}

std::string upstream_path(const PostgresLayout& layout) {
  return layout.config + "/conf.d/60-tandem-upstream.conf";
}

// The timeline is not named: the latest is the default since PostgreSQL 12, and a server that has been promoted and
// names it no more would wait for a restart.
std::string upstream_text(const std::string& self, const std::string& primary_address) {
  return generated_header() + "primary_conninfo = " + quoted(replication_connection(primary_address, self)) + "\n" +
         "primary_slot_name = " + quoted(replication_slot(self)) + "\n";
}

std::string no_upstream_text() {
  return generated_header();
}

} // namespace tandem::system
