// All that setup needs to know to say what should be on one server: plain values, gathered by the agent.
#pragma once
#include "model/pair.hpp"
#include "system/accounts.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace tandem::setup {

// What depends on the Debian release of the server.
struct Release {
  std::string codename; // "bookworm", "trixie"
  int postgres = 0;     // the release's own major version
};

// A unit file of the sites' work, made by sites/.
struct WorkUnit {
  std::string name; // "….service", "….timer"
  std::string text;
  std::string why = {};
  bool by_role = false; // runs on the primary, and does not on a standby: apply sees to it
  bool works = false;   // runs on the primary, once a release is served; the agent sees to it
};

struct View {
  const model::Pair& pair;
  std::string self;    // this server's name
  std::string primary; // the primary's name, from the durable role state
  Release release;
  std::map<std::string, std::uint32_t> uids;  // of every configured user
  std::map<std::string, std::uint32_t> gids;  // of the groups that they share, where they are tandem's to make
  std::set<std::uint16_t> ssh_ports = {};     // on which sshd listens here; for a firewall only
  std::string ca_certificate;                 // PEM of the pair's own authority
  std::map<std::string, std::string> secrets; // absolute path -> content, of the files that the configuration names
  std::map<std::string, std::string> host_keys = {}; // that sshd is to show, by path; none: its own
  // Text of the systemd template unit for sites, and of /run's folder for it (both from sites/).
  std::string site_unit;
  std::vector<WorkUnit> work = {};
  // Files of nginx in which somebody has set up the pair's sites by hand.
  std::vector<std::string> nginx_by_hand = {};
  std::set<std::string> work_there = {}; // the names of such units that this server has, by an earlier apply

  [[nodiscard]] bool is_primary() const { return self == primary; }

  [[nodiscard]] const model::Server& server() const { return *pair.server(self); }
};

} // namespace tandem::setup
