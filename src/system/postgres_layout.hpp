// Where PostgreSQL lies on a Debian server, and how tandem names what belongs to replication. Pure.
#pragma once
#include <string>

namespace tandem::system {

struct PostgresLayout {
  std::string unit;     // systemd's
  std::string config;   // folder of the cluster's configuration
  std::string data;     // the data directory
  std::string binaries; // folder of the server's own programs
};

// The release's one cluster, "main", of that major version.
[[nodiscard]] PostgresLayout postgres_layout(int version);

// Server certificate, its key and the authority's certificate, for both ends of replication.
constexpr auto* postgres_certificates = "/etc/tandem/postgresql";

// The replication slot that a standby uses on its primary.
[[nodiscard]] std::string replication_slot(const std::string& standby);

// libpq's connection string from one server to the PostgreSQL of another, proved by certificates both ways.
[[nodiscard]] std::string replication_connection(const std::string& address, const std::string& application);

// The path of the file that says where a standby takes the WAL from, and its text. A primary has an empty upstream.
[[nodiscard]] std::string upstream_path(const PostgresLayout& layout);
[[nodiscard]] std::string upstream_text(const std::string& self, const std::string& primary_address);
[[nodiscard]] std::string no_upstream_text();

} // namespace tandem::system
