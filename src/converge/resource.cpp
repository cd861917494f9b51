#include "converge/resource.hpp"

namespace tandem::converge {

namespace {

struct IdOf {
  std::string operator()(const PackageSet&) const { return "packages"; }

  std::string operator()(const Group& group) const { return "group " + group.name; }

  std::string operator()(const User& user) const { return "user " + user.name; }

  std::string operator()(const Folder& folder) const { return "folder " + folder.path; }

  std::string operator()(const File& file) const { return "file " + file.path; }

  std::string operator()(const Absent& absent) const { return "absent " + absent.path; }

  std::string operator()(const Link& link) const { return "link " + link.path; }

  std::string operator()(const Unit& unit) const { return "unit " + unit.name; }

  std::string operator()(const DatabaseRole& role) const { return "database role " + role.name; }

  std::string operator()(const Database& database) const { return "database " + database.name; }

  std::string operator()(const ReplicationSlot& slot) const { return "replication slot " + slot.name; }

  std::string operator()(const DatabaseGrant& grant) const { return "database grant " + grant.role; }

  std::string operator()(const DatabaseRestart& restart) const { return "settings of " + restart.unit; }

  std::string operator()(const Certificate& certificate) const { return "certificate " + certificate.path; }
};

} // namespace

std::string id_of(const Kind& kind) {
  return std::visit(IdOf{}, kind);
}

std::string to_text(const Reaction& reaction) {
  switch (reaction.kind) {
  case ReactionKind::reload_manager:
    return "systemctl daemon-reload";
  case ReactionKind::reload:
    return "reload " + reaction.unit;
  case ReactionKind::renew:
  case ReactionKind::restart:
    return "restart " + reaction.unit;
  }
  return {};
}

} // namespace tandem::converge
