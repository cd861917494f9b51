// What was read on a server that was set up by hand: files as they are, and what its programs say. Plain values.
#pragma once
#include "system/accounts.hpp"
#include "system/machine.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tandem::adopt {

// A service of systemd's that stands in /etc/systemd/system and starts at boot; of a template, one for each instance.
struct ServiceUnit {
  std::string name;          // "uwsgi@shop.test.service"
  std::string path;          // of its unit file, a template's too
  std::string instance = {}; // "shop.test"; "" when it is no instance
};

struct FolderFound {
  std::string name;
  std::string owner; // names; a number where nobody has it
  std::string group;
};

// A folder in /www.
struct WorkingCopy {
  std::string folder; // "/www/shop.test"
  std::string owner;
  bool is_git = false;
  std::string repo;                   // its remote "origin"; "" when it has none
  std::string branch;                 // "" when its HEAD is none
  std::vector<std::string> tracked;   // names at its top that belong to the repository
  std::vector<std::string> changed;   // as `git status --porcelain` says them
  std::vector<std::string> unpushed;  // commits that no remote has, a line each
  std::vector<FolderFound> folders;   // all at its top
  std::vector<std::string> host_keys; // of the repository's host, where ssh reaches it
  std::vector<std::string> settings;  // paths of its Django settings, among the files read
  bool has_environment = false;       // a virtualenv "env"
  bool has_requirements = false;      // requirements.txt
};

struct DatabaseFound {
  std::string name;
  std::string owner;
  std::vector<std::string> extensions;
};

// A line of PostgreSQL's own files, as PostgreSQL read it.
struct SettingFound {
  std::string name;
  std::string value;
  std::string file;
  std::size_t line = 0;
};

struct PostgresFound {
  bool answers = false;
  bool standby = false; // in recovery: it follows another one
  std::vector<DatabaseFound> databases;
  std::vector<SettingFound> settings;
  std::set<std::string> roles_with_password;
};

struct PackageFound {
  std::string name;
  std::string priority;
  std::string section;
  bool automatic = false; // it came with another one
};

struct Found {
  system::MachineFacts machine;
  system::AccountTable accounts;
  std::map<std::string, std::string> files; // path -> text
  std::map<std::string, std::string> links; // path -> target
  std::set<std::string> packaged;           // those of the files that a package brought
  std::vector<PackageFound> packages;
  std::vector<ServiceUnit> services;
  std::vector<WorkingCopy> copies;
  PostgresFound postgres;
  std::vector<std::string> clusters; // folders of PostgreSQL's configuration, "/etc/postgresql/15/main"
  bool is_primary = false;           // the marker /primary_server is there
  bool has_pair = false;             // tandem runs it already

  // The text of that file; nullptr when it was not there.
  [[nodiscard]] const std::string* file(const std::string& path) const;
  // Paths of the files in that folder that were read.
  [[nodiscard]] std::vector<std::string> in(const std::string& folder) const;
  [[nodiscard]] bool has_package(std::string_view name) const;
};

} // namespace tandem::adopt
