// What should be on a server, as plain values. setup/ makes them, plan compares them, apply makes them true.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tandem::converge {

// Debian packages, installed together in one run of apt-get.
struct PackageSet {
  std::vector<std::string> names;
};

struct Group {
  std::string name;
  std::optional<std::uint32_t> gid;
};

// An existing user is adapted, never deleted or renumbered; a uid that differs or is taken is refused.
struct User {
  std::string name;
  std::uint32_t uid = 0;
  std::string primary_group;
  std::vector<std::string> groups; // supplementary ones that it must be in; others that it is in stay
  std::string shell = "/bin/bash";
  std::string home;
  std::string password = {}; // never appears in a plan; "": whatever it has stays
};

struct Folder {
  std::string path;
  std::uint32_t mode = 0755;
  std::string owner = "root";
  std::string group = "root";
};

// How a file is checked by its own program before it may stay. With "{}" among the arguments the candidate's path
// stands there and the check comes before the file goes live; without it the check looks at the live files, and the
// old ones are put back when it fails. Neighbours in the list with the same check are written and checked together.
struct FileCheck {
  std::vector<std::string> command;
  bool operator==(const FileCheck&) const = default;
};

struct File {
  std::string path;
  std::string content;
  std::uint32_t mode = 0644;
  std::string owner = "root";
  std::string group = "root";
  bool secret = false; // its content never appears in a plan
  std::optional<FileCheck> check = {};
};

// Nothing may lie at the path. What does is kept first.
struct Absent {
  std::string path;
  std::string package = {}; // whose installation brings it: removed then, and a plan says so before
};

struct Link {
  std::string path;
  std::string target;
};

struct Unit {
  std::string name;
  std::optional<bool> enabled;
  std::optional<bool> running;
  // Succeeds as long as what the unit did is there, for one that does it and ends: somebody else may have undone it,
  // which systemd does not see. It is restarted then.
  std::vector<std::string> proof = {};
  bool gently = false; // it may take minutes to end, and nobody else who needs systemd waits for that
};

struct DatabaseRole {
  std::string name;
  bool login = true;
  bool replication = false;
};

// Nobody but its owner, and whom somebody has granted it to, may connect.
struct Database {
  std::string name;
  std::string owner;
  std::vector<std::string> extensions;
};

// A physical replication slot on the primary for one standby.
struct ReplicationSlot {
  std::string name;
};

// The right to call these functions, for a role that is no superuser (pg_rewind's needs).
struct DatabaseGrant {
  std::string role;
  std::vector<std::string> functions; // with argument types
};

// PostgreSQL runs with all settings that its files have: those that need a restart are waited for by nothing else.
// Of the settings file that stands before it in the list it says beforehand which of its changes will need one.
struct DatabaseRestart {
  std::string unit;
  std::string path = {};    // the settings file
  std::string content = {}; // what it will have
  // Asks only a PostgreSQL that runs as a standby. One with less than its primary has of certain settings does not
  // start again: until it has come to the place in the WAL at which its primary has less, too, this standby goes on as
  // it is.
  bool standby = false;
  std::vector<std::string> control_data = {}; // the command that prints the standby's pg_controldata
};

// A certificate of the pair's own authority, with its key; issued anew when names differ or too little life is left.
struct Certificate {
  std::string path;               // PEM, mode 0644
  std::string key_path;           // PEM; the same path: one file for both, which is never half written
  std::vector<std::string> names; // the first is the common name; DNS names and addresses
  std::string key_owner = "root";
  std::string key_group = "root";
  std::uint32_t key_mode = 0600;
  std::chrono::hours lifetime{24 * 365};
  // Only until another authority has issued one for the first of the names: that one is left alone.
  bool temporary = false;
};

using Kind = std::variant<PackageSet, Group, User, Folder, File, Absent, Link, Unit, DatabaseRole, Database,
                          ReplicationSlot, DatabaseGrant, DatabaseRestart, Certificate>;

// What a changed resource asks of a service once the resources before the next unit are in place.
enum class ReactionKind {
  reload_manager,
  reload,
  restart,
  renew, // a restart that is not waited for, of what may take long to end its work
};

struct Reaction {
  ReactionKind kind = ReactionKind::reload;
  std::string unit; // empty for reload_manager
  auto operator<=>(const Reaction&) const = default;
};

struct Resource {
  Kind kind;
  std::string why = {};                 // what needs it, in the operator's words: "site janome.club"
  std::vector<Reaction> reactions = {}; // when it was changed and the unit is running
  std::vector<std::string> after = {};  // ids of resources that must be true before, beyond the order of the list
};

// "file /etc/nginx/nginx.conf": unique in a list, stable from run to run.
std::string id_of(const Kind& kind);
std::string to_text(const Reaction& reaction);

} // namespace tandem::converge
