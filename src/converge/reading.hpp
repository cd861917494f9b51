// What is on the server now, read in process: no program is started to find out, but for a unit's own proof.
#pragma once
#include "base/result.hpp"
#include "converge/certificates.hpp"
#include "converge/ledger.hpp"
#include "converge/resource.hpp"
#include "converge/settings_file.hpp"
#include "system/ports.hpp"

namespace tandem::converge {

// One value for each kind of resource; each says "nothing there" with its empty optional.
struct PackagesReading {
  std::vector<std::string> missing;
};

struct GroupReading {
  std::optional<std::uint32_t> gid;
  std::optional<std::string> taken_by; // another group that has the wanted gid
};

struct UserReading {
  std::optional<system::UserEntry> entry;
  std::string primary_group;
  std::vector<std::string> missing_groups;
  std::optional<std::string> taken_by; // another user that has the wanted uid
};

struct PathReading {
  std::optional<system::FileStatus> status;
  std::string owner; // names where there are any, else numbers
  std::string group;
  std::optional<std::string> content; // of a regular file whose content the resource sets
  Authorship author = Authorship::nobody;
  bool coming = false; // a package that is still missing brings it
};

struct UnitReading {
  system::UnitStatus status;
  bool undone = false; // it ran, and its proof fails
};

// PostgreSQL's side is only known while it runs.
struct DatabaseReading {
  bool reachable = false;
  bool exists = false;
  bool login = false;
  bool replication = false;
  bool open_to_all = false; // every role may connect
  std::string owner;
  std::vector<std::string> missing; // extensions, functions not granted, settings that wait or will wait for a restart
  std::vector<std::string> held_back = {}; // settings that a standby cannot lower yet
};

struct CertificateReading {
  std::optional<CertificateFacts> facts;
  PathReading key;
  std::chrono::system_clock::time_point now;
};

// Whether another authority has issued one in the place of a temporary certificate: nothing of ours comes upon it.
[[nodiscard]] inline bool is_left_alone(const Certificate& certificate, const CertificateReading& found) {
  if (!certificate.temporary || !found.facts || found.facts->ours || !found.key.status) return false;
  return std::ranges::find(found.facts->names, certificate.names.front()) != found.facts->names.end();
}

struct Reading {
  std::variant<PackagesReading, GroupReading, UserReading, PathReading, UnitReading, DatabaseReading,
               CertificateReading>
      value;
};

// Reads one resource after the other. The account table and the package database are read once and kept until
// forget() is called, so that a whole plan reads them once. One thread at a time.
class Reader {
public:
  Reader(system::Ports& ports, const Ledger& ledger, CertificateIssuer& issuer)
      : ports_(ports), ledger_(ledger), issuer_(issuer) {}

  Result<Reading> read(const Kind& kind);
  Result<const system::AccountTable*> accounts();
  void forget();

private:
  Result<Reading> read_one(const PackageSet& packages);
  Result<Reading> read_one(const Group& group);
  Result<Reading> read_one(const User& user);
  Result<Reading> read_one(const Folder& folder);
  Result<Reading> read_one(const File& file);
  Result<Reading> read_one(const Absent& absent);
  Result<Reading> read_one(const Link& link);
  Result<Reading> read_one(const Unit& unit);
  Result<Reading> read_one(const DatabaseRole& role);
  Result<Reading> read_one(const Database& database);
  Result<Reading> read_one(const ReplicationSlot& slot);
  Result<Reading> read_one(const DatabaseGrant& grant);
  Result<Reading> read_one(const DatabaseRestart& restart);
  Result<Reading> read_one(const Certificate& certificate);
  Result<const std::map<std::string, std::string>*> installed(); // packages and their versions
  Result<PathReading> path(const std::string& path, bool with_content);
  // Of these settings, those that only a restart changes, with the values that PostgreSQL runs with.
  Result<DatabaseSettings> fixed_while_running(const std::vector<std::string>& names);
  Result<std::vector<std::string>> waiting_for_restart(const DatabaseRestart& restart);
  // Of these settings, those of which the standby would have less than it needs.
  Result<std::vector<std::string>> held_back(const DatabaseRestart& restart, const std::vector<std::string>& names);

  system::Ports& ports_;
  const Ledger& ledger_;
  CertificateIssuer& issuer_;
  std::optional<system::AccountTable> accounts_;
  std::optional<std::map<std::string, std::string>> packages_;
};

} // namespace tandem::converge
