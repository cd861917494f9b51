#include "base/text.hpp"
#include "converge/line_diff.hpp"
#include "converge/plan.hpp"
#include "system/passwords.hpp"

namespace tandem::converge {

namespace {

using MaybeChange = Result<std::optional<Change>>;

std::string octal(std::uint32_t mode) {
  return fmt::format("{:04o}", mode);
}

std::string name_of(system::FileType type) {
  switch (type) {
  case system::FileType::regular:
    return "a file";
  case system::FileType::folder:
    return "a folder";
  case system::FileType::link:
    return "a symbolic link";
  case system::FileType::other:
    break;
  }
  return "a device, socket or pipe";
}

Change created(const Resource& resource, std::vector<std::string> details = {}) {
  return {.kind = ChangeKind::create, .id = id_of(resource.kind), .why = resource.why, .details = std::move(details)};
}

MaybeChange changed(const Resource& resource, std::vector<std::string> details) {
  if (details.empty()) return std::optional<Change>{};
  return Change{
      .kind = ChangeKind::change, .id = id_of(resource.kind), .why = resource.why, .details = std::move(details)};
}

Change postponed(const Resource& resource, std::string why_later) {
  auto change = created(resource, {std::move(why_later)});
  change.later = true;
  return change;
}

void compare_access(std::vector<std::string>& details, const PathReading& actual, std::uint32_t mode,
                    const std::string& owner, const std::string& group) {
  if (actual.status->mode != mode) details.push_back("mode " + octal(actual.status->mode) + " -> " + octal(mode));
  if (actual.owner != owner) details.push_back("owner " + actual.owner + " -> " + owner);
  if (actual.group != group) details.push_back("group " + actual.group + " -> " + group);
}

std::unexpected<Error> in_the_way(const std::string& path, system::FileType found, const std::string& wanted) {
  return fail(ErrorKind::refused, path + " is " + name_of(found) + ", but " + wanted + " is to be there",
              "Move it away if it is not needed, then apply again.");
}

// Compares each kind; the readings come from Reader, which gives each kind its own alternative.
struct Compare {
  const Resource& resource;
  const Reading& reading;

  template <class T>
  const T& actual() const {
    return std::get<T>(reading.value);
  }

  MaybeChange operator()(const PackageSet& /*packages*/) const {
    const auto& missing = actual<PackagesReading>().missing;
    if (missing.empty()) return std::optional<Change>{};
    return created(resource, {"install " + join(missing, " ")});
  }

  MaybeChange operator()(const Group& group) const {
    const auto& found = actual<GroupReading>();
    if (found.taken_by)
      return fail(ErrorKind::refused,
                  fmt::format("gid {} of group {} is taken by group {}", *group.gid, group.name, *found.taken_by));
    if (!found.gid) return created(resource);
    if (group.gid && *found.gid != *group.gid)
      return fail(ErrorKind::refused,
                  fmt::format("group {} exists with gid {}, but {} is wanted", group.name, *found.gid, *group.gid));
    return std::optional<Change>{};
  }

  MaybeChange operator()(const User& user) const {
    const auto& found = actual<UserReading>();
    if (found.taken_by)
      return fail(ErrorKind::refused,
                  fmt::format("uid {} of user {} is taken by user {}", user.uid, user.name, *found.taken_by),
                  "Give it another uid in tandem.toml, or renumber the other user by hand.");
    if (!found.entry) return created(resource, {fmt::format("uid {}, group {}", user.uid, user.primary_group)});
    if (found.entry->uid != user.uid)
      return fail(ErrorKind::refused,
                  fmt::format("user {} exists with uid {}, but {} is wanted", user.name, found.entry->uid, user.uid),
                  "Renumber it by hand with all its files, or take its uid into tandem.toml.");
    std::vector<std::string> details;
    if (found.entry->shell != user.shell) details.push_back("shell " + found.entry->shell + " -> " + user.shell);
    if (found.primary_group != user.primary_group)
      details.push_back("primary group " + found.primary_group + " -> " + user.primary_group);
    for (const auto& group : found.missing_groups)
      details.push_back("add to group " + group);
    if (!user.password.empty() && !system::password_fits(user.password, found.entry->password))
      details.emplace_back("password");
    return changed(resource, std::move(details));
  }

  MaybeChange operator()(const Folder& folder) const {
    const auto& found = actual<PathReading>();
    if (!found.status) return created(resource, {octal(folder.mode) + " " + folder.owner + ":" + folder.group});
    if (found.status->type != system::FileType::folder) return in_the_way(folder.path, found.status->type, "a folder");
    std::vector<std::string> details;
    compare_access(details, found, folder.mode, folder.owner, folder.group);
    return changed(resource, std::move(details));
  }

  MaybeChange operator()(const File& file) const {
    const auto& found = actual<PathReading>();
    if (!found.status) return created(resource, {octal(file.mode) + " " + file.owner + ":" + file.group});
    if (found.status->type == system::FileType::folder) return in_the_way(file.path, found.status->type, "a file");
    std::vector<std::string> details;
    bool edited = false;
    if (found.status->type != system::FileType::regular) {
      details.push_back("replace " + name_of(found.status->type) + " by a file; the old one is kept");
    } else {
      compare_access(details, found, file.mode, file.owner, file.group);
      if (found.content != file.content) {
        edited = found.author == Authorship::edited;
        if (edited) details.emplace_back("was edited by hand since tandem wrote it; a copy of the edited file is kept");
        if (found.author == Authorship::elsewhere) details.emplace_back("was not tandem's; the old file is kept");
        if (file.secret)
          details.emplace_back("its content changes (not shown)");
        else
          std::ranges::move(line_diff(*found.content, file.content), std::back_inserter(details));
      }
    }
    auto change = changed(resource, std::move(details));
    if (change && *change) (*change)->edited_by_hand = edited;
    return change;
  }

  MaybeChange operator()(const Absent& absent) const {
    const auto& found = actual<PathReading>();
    if (found.coming)
      return Change{.kind = ChangeKind::remove,
                    .id = id_of(resource.kind),
                    .why = resource.why,
                    .details = {absent.package + " brings it; it is kept aside"}};
    if (!found.status) return std::optional<Change>{};
    if (found.status->type == system::FileType::folder) return in_the_way(absent.path, found.status->type, "nothing");
    return Change{.kind = ChangeKind::remove,
                  .id = id_of(resource.kind),
                  .why = resource.why,
                  .details = {name_of(found.status->type) + " is there; it is kept aside"}};
  }

  MaybeChange operator()(const Link& link) const {
    const auto& found = actual<PathReading>();
    if (!found.status) return created(resource, {"-> " + link.target});
    if (found.status->type == system::FileType::folder) return in_the_way(link.path, found.status->type, "a link");
    if (found.status->type != system::FileType::link)
      return changed(resource, {"replace " + name_of(found.status->type) + " by a link; the old one is kept"});
    if (found.status->target == link.target) return std::optional<Change>{};
    return changed(resource, {found.status->target + " -> " + link.target});
  }

  MaybeChange operator()(const Unit& unit) const {
    const auto& found = actual<UnitReading>().status;
    const bool wanted = unit.enabled.value_or(true) || unit.running.value_or(true);
    if (found.load == "not-found" && !wanted) return std::optional<Change>{};
    if (found.load == "not-found") return postponed(resource, "its unit file is not there yet");
    std::vector<std::string> details;
    const bool is_running = found.active == "active" || found.active == "reloading" || found.active == "activating";
    const bool is_enabled = found.file == "enabled" || found.file == "enabled-runtime";
    const bool can_be_enabled = found.file == "enabled" || found.file == "disabled" || found.file == "enabled-runtime";
    if (found.load == "masked") details.emplace_back("is masked");
    if (found.stale) details.emplace_back("systemd has not read its changed unit file yet");
    if (unit.enabled && can_be_enabled && *unit.enabled != is_enabled)
      details.emplace_back(*unit.enabled ? "does not start at boot; it should" : "starts at boot; it should not");
    if (unit.running && *unit.running != is_running)
      details.push_back("is " + found.active + "; it should " + (*unit.running ? "run" : "not run"));
    if (actual<UnitReading>().undone) details.emplace_back("what it did is undone; it is restarted");
    return changed(resource, std::move(details));
  }

  MaybeChange operator()(const DatabaseRole& role) const {
    const auto& found = actual<DatabaseReading>();
    if (!found.reachable) return postponed(resource, "compared once PostgreSQL runs");
    if (!found.exists) return created(resource);
    std::vector<std::string> details;
    if (found.login != role.login) details.emplace_back(role.login ? "may log in" : "may not log in");
    if (found.replication != role.replication)
      details.emplace_back(role.replication ? "may replicate" : "may not replicate");
    return changed(resource, std::move(details));
  }

  MaybeChange operator()(const Database& database) const {
    const auto& found = actual<DatabaseReading>();
    if (!found.reachable) return postponed(resource, "compared once PostgreSQL runs");
    if (!found.exists) return created(resource, {"owner " + database.owner});
    std::vector<std::string> details;
    if (found.owner != database.owner) details.push_back("owner " + found.owner + " -> " + database.owner);
    if (found.open_to_all) details.emplace_back("only its owner, and whom it was granted to, may connect");
    for (const auto& extension : found.missing)
      details.push_back("add extension " + extension);
    return changed(resource, std::move(details));
  }

  MaybeChange operator()(const ReplicationSlot& /*slot*/) const {
    const auto& found = actual<DatabaseReading>();
    if (!found.reachable) return postponed(resource, "compared once PostgreSQL runs");
    if (found.exists) return std::optional<Change>{};
    return created(resource);
  }

  MaybeChange operator()(const DatabaseGrant& /*grant*/) const {
    const auto& found = actual<DatabaseReading>();
    if (!found.reachable) return postponed(resource, "compared once PostgreSQL runs");
    std::vector<std::string> details;
    for (const auto& function : found.missing)
      details.push_back("may call " + function);
    return changed(resource, std::move(details));
  }

  MaybeChange operator()(const DatabaseRestart& restart) const {
    const auto& found = actual<DatabaseReading>();
    // A server that is not running takes all settings when it starts.
    if (!found.reachable || found.missing.empty()) return std::optional<Change>{};
    return changed(resource,
                   {"restart " + restart.unit + ": only then " + join(found.missing, ", ") + " takes effect"});
  }

  MaybeChange operator()(const Certificate& certificate) const {
    const auto& found = actual<CertificateReading>();
    if (!found.facts || !found.key.status) return created(resource, {"for " + join(certificate.names, ", ")});
    std::vector<std::string> details;
    if (is_left_alone(certificate, found)) {
      compare_access(details, found.key, certificate.key_mode, certificate.key_owner, certificate.key_group);
      return changed(resource, std::move(details));
    }
    auto wanted = certificate.names;
    auto present = found.facts->names;
    std::ranges::sort(wanted);
    std::ranges::sort(present);
    if (!found.facts->ours) details.emplace_back("is not signed by this pair's authority");
    if (wanted != present) details.push_back("for " + join(present, ", ") + " -> " + join(wanted, ", "));
    if (found.facts->not_after - found.now < (found.facts->not_after - found.facts->not_before) / 3)
      details.emplace_back("less than a third of its lifetime is left");
    compare_access(details, found.key, certificate.key_mode, certificate.key_owner, certificate.key_group);
    return changed(resource, std::move(details));
  }
};

} // namespace

MaybeChange compare(const Resource& desired, const Reading& actual) {
  return std::visit(Compare{desired, actual}, desired.kind);
}

} // namespace tandem::converge
