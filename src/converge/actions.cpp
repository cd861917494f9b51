#include "converge/actions.hpp"

#include "base/text.hpp"
#include "converge/unit_words.hpp"
#include "system/passwords.hpp"
#include "system/pause.hpp"

namespace tandem::converge {

namespace {

std::string timestamp(std::chrono::system_clock::time_point now) {
  const auto seconds = std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch().count();
  const std::chrono::sys_time<std::chrono::milliseconds> at{std::chrono::milliseconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

} // namespace

std::string quoted(const std::string& identifier) {
  return "\"" + replace_all(identifier, "\"", "\"\"") + "\"";
}

Result<void> Actions::make(const Kind& kind, const Reading& actual) {
  return std::visit([&](const auto& one) { return make_one(one, actual); }, kind);
}

Result<system::Ownership> Actions::ownership(const std::string& owner, const std::string& group) {
  TANDEM_TRY(const auto* table, reader_.accounts());
  const auto* user = table->user(owner);
  const auto* found_group = table->group(group);
  if (user == nullptr) return fail(ErrorKind::not_found, "there is no user " + owner);
  if (found_group == nullptr) return fail(ErrorKind::not_found, "there is no group " + group);
  return system::Ownership{user->uid, found_group->gid};
}

Result<void> Actions::note(const Kind& kind, Thing thing) {
  return before_.note(context_.ports.files, id_of(kind), std::move(thing));
}

Result<std::string> Actions::keep(const std::string& path) {
  auto& files = context_.ports.files;
  TANDEM_TRY(const auto status, files.status(path));
  if (!status) return std::string();
  const auto folder = context_.state_folder + "/kept";
  TANDEM_CHECK(files.make_folder(folder, 0700, {}));
  const auto name = replace_all(path.substr(1), "/", "_") + "." + timestamp(context_.ports.clock.wall_time());
  auto kept = folder + "/" + name;
  for (int number = 2;; ++number) { // a clock that was set back has seen this moment before
    TANDEM_TRY(const auto there, files.status(kept));
    if (!there) break;
    kept = fmt::format("{}/{}.{}", folder, name, number);
  }
  if (status->type == system::FileType::regular) {
    TANDEM_TRY(const auto content, files.read(path));
    TANDEM_CHECK(files.write(kept, content, status->mode & 0700U, {status->uid, status->gid}));
  } else if (status->type == system::FileType::link) {
    TANDEM_CHECK(files.make_link(kept, status->target));
  } else {
    return fail(ErrorKind::refused, path + " is neither a file nor a link; it is left alone");
  }
  context_.observer.line("kept the old " + path + " as " + kept);
  return kept;
}

Result<void> Actions::set_access(const std::string& path, std::uint32_t mode, system::Ownership owner) {
  // The owner first: chown clears set-user-id bits.
  TANDEM_CHECK(context_.ports.files.set_owner(path, owner));
  return context_.ports.files.set_mode(path, mode);
}

Result<void> Actions::write_file(const File& file, const PathReading& actual) {
  TANDEM_TRY(const auto owner, ownership(file.owner, file.group));
  const bool is_file = actual.status && actual.status->type == system::FileType::regular;
  const bool same = is_file && actual.content == file.content;
  std::string kept;
  const bool foreign = actual.status && actual.author != Authorship::tandem;
  if (!same && foreign) {
    TANDEM_TRY(kept, keep(file.path));
  }
  // What tandem wrote without noting it was not there before.
  const auto was = same || foreign ? actual.status : std::nullopt;
  TANDEM_CHECK(note(file, PathBefore{.path = file.path, .was = was, .kept = kept}));
  ledger_.expect(file.path, file.content);
  TANDEM_CHECK(ledger_.save(context_.ports.files));
  if (same) return set_access(file.path, file.mode, owner);
  return context_.ports.files.write(file.path, file.content, file.mode, owner);
}

Result<void> Actions::make_one(const PackageSet& /*packages*/, const Reading& actual) {
  const auto& missing = std::get<PackagesReading>(actual.value).missing;
  return context_.ports.packages.install(
      missing, [this](std::string_view line) { context_.observer.line(line); },
      [this] { return context_.halts.may_wait(); });
}

Result<void> Actions::make_one(const Group& group, const Reading& /*actual*/) {
  return context_.ports.accounts.add_group(group.name, group.gid);
}

Result<void> Actions::make_one(const User& user, const Reading& actual) {
  const auto& found = std::get<UserReading>(actual.value);
  auto& accounts = context_.ports.accounts;
  const bool sets_password =
      !user.password.empty() && !(found.entry && system::password_fits(user.password, found.entry->password));
  if (!found.entry) {
    TANDEM_CHECK(accounts.add_user({.name = user.name,
                                    .uid = user.uid,
                                    .primary_group = user.primary_group,
                                    .shell = user.shell,
                                    .home = user.home}));
  } else {
    TANDEM_CHECK(note(user, UserBefore{.name = user.name,
                                       .shell = found.entry->shell,
                                       .group = found.primary_group,
                                       .password = sets_password ? found.entry->password : std::string(),
                                       .joined = found.missing_groups}));
    if (found.entry->shell != user.shell) TANDEM_CHECK(accounts.set_shell(user.name, user.shell));
    if (found.primary_group != user.primary_group)
      TANDEM_CHECK(accounts.set_primary_group(user.name, user.primary_group));
  }
  for (const auto& group : found.missing_groups)
    TANDEM_CHECK(accounts.add_to_group(user.name, group));
  if (!sets_password) return {};
  TANDEM_TRY(const auto hash, system::hash_password(user.password));
  return accounts.set_password(user.name, hash);
}

Result<void> Actions::make_one(const Folder& folder, const Reading& actual) {
  TANDEM_TRY(const auto owner, ownership(folder.owner, folder.group));
  const auto& found = std::get<PathReading>(actual.value).status;
  TANDEM_CHECK(note(folder, PathBefore{.path = folder.path, .was = found, .kept = {}}));
  if (!found) TANDEM_CHECK(context_.ports.files.make_folder(folder.path, folder.mode, owner));
  return set_access(folder.path, folder.mode, owner);
}

Result<void> Actions::make_one(const File& file, const Reading& actual) {
  return write_file(file, std::get<PathReading>(actual.value));
}

Result<void> Actions::make_one(const Absent& absent, const Reading& actual) {
  TANDEM_TRY(const auto kept, keep(absent.path));
  const auto& found = std::get<PathReading>(actual.value).status;
  TANDEM_CHECK(note(absent, PathBefore{.path = absent.path, .was = found, .kept = kept}));
  return context_.ports.files.remove(absent.path);
}

Result<void> Actions::make_one(const Link& link, const Reading& actual) {
  const auto& found = std::get<PathReading>(actual.value);
  std::string kept;
  if (found.status && found.status->type != system::FileType::link) {
    TANDEM_TRY(kept, keep(link.path));
  }
  TANDEM_CHECK(note(link, PathBefore{.path = link.path, .was = found.status, .kept = kept}));
  return context_.ports.files.make_link(link.path, link.target);
}

Result<void> Actions::make_one(const Unit& unit, const Reading& actual) {
  auto& services = context_.ports.services;
  const auto& found = std::get<UnitReading>(actual.value).status;
  if (found.load == "masked")
    return fail(ErrorKind::refused, unit.name + " is masked, by a person as a rule", "systemctl unmask " + unit.name);
  const bool was_enabled = found.file == "enabled";
  TANDEM_CHECK(note(unit, UnitBefore{.name = unit.name,
                                     .enabled = was_enabled || found.file == "disabled" ? std::optional(was_enabled)
                                                                                        : std::optional<bool>(),
                                     .running = found.active == "active" || found.active == "activating"}));
  if (found.stale || found.load == "not-found") TANDEM_CHECK(services.reload_manager());
  if (unit.enabled) {
    TANDEM_TRY(const auto now, services.status(unit.name));
    const bool enabled = now.file == "enabled" || now.file == "enabled-runtime";
    const bool can_be = enabled || now.file == "disabled";
    if (can_be && enabled != *unit.enabled)
      TANDEM_CHECK(*unit.enabled ? services.enable(unit.name) : services.disable(unit.name));
  }
  if (!unit.running) return {};
  if (!*unit.running) return unit.gently ? stop_gently(unit.name) : services.stop(unit.name);
  auto started = std::get<UnitReading>(actual.value).undone ? services.restart(unit.name) : services.start(unit.name);
  if (!started)
    return std::unexpected(with_last_words(context_.ports.processes, unit.name, std::move(started).error()));
  return {};
}

Result<void> Actions::stop_gently(const std::string& unit) {
  constexpr std::chrono::milliseconds look_again{200};
  auto& services = context_.ports.services;
  TANDEM_CHECK(services.begin(system::UnitDeed::stop, unit));
  for (bool told = false;; told = true) {
    TANDEM_TRY(const auto now, services.status(unit));
    if (now.active == "inactive" || now.active == "failed") return {};
    TANDEM_CHECK(context_.halts.may_go_on());
    if (!told) context_.observer.line("waiting for " + unit + " to end what it does");
    system::pause_thread(look_again);
  }
}

Result<void> Actions::sql(const std::string& database, const std::string& statement) {
  TANDEM_CHECK(context_.ports.databases.query(database, statement));
  return {};
}

Result<void> Actions::make_one(const DatabaseRole& role, const Reading& actual) {
  const auto& found = std::get<DatabaseReading>(actual.value);
  const bool exists = found.exists;
  if (exists)
    TANDEM_CHECK(note(role, RoleBefore{.name = role.name, .login = found.login, .replication = found.replication}));
  return sql("postgres",
             fmt::format("{} ROLE {} {} {}", exists ? "ALTER" : "CREATE", quoted(role.name),
                         role.login ? "LOGIN" : "NOLOGIN", role.replication ? "REPLICATION" : "NOREPLICATION"));
}

Result<void> Actions::make_one(const Database& database, const Reading& actual) {
  const auto& found = std::get<DatabaseReading>(actual.value);
  if (found.exists)
    TANDEM_CHECK(
        note(database, DatabaseBefore{.name = database.name, .owner = found.owner, .open_to_all = found.open_to_all}));
  if (!found.exists) {
    TANDEM_CHECK(sql("postgres", fmt::format("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0",
                                             quoted(database.name), quoted(database.owner))));
  } else if (found.owner != database.owner) {
    TANDEM_CHECK(
        sql("postgres", fmt::format("ALTER DATABASE {} OWNER TO {}", quoted(database.name), quoted(database.owner))));
  }
  // PostgreSQL lets every role into every database by itself.
  if (!found.exists || found.open_to_all)
    TANDEM_CHECK(
        sql("postgres", fmt::format("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC", quoted(database.name))));
  for (const auto& extension : database.extensions)
    TANDEM_CHECK(sql(database.name, "CREATE EXTENSION IF NOT EXISTS " + quoted(extension)));
  return {};
}

Result<void> Actions::make_one(const ReplicationSlot& slot, const Reading& /*actual*/) {
  TANDEM_CHECK(
      context_.ports.databases.query("postgres", "SELECT pg_create_physical_replication_slot($1, true)", {slot.name}));
  return {};
}

Result<void> Actions::make_one(const DatabaseGrant& grant, const Reading& actual) {
  for (const auto& function : std::get<DatabaseReading>(actual.value).missing)
    TANDEM_CHECK(sql("postgres", "GRANT EXECUTE ON FUNCTION " + function + " TO " + quoted(grant.role)));
  return {};
}

Result<void> Actions::make_one(const DatabaseRestart& restart, const Reading& /*actual*/) {
  const Reaction reaction{ReactionKind::restart, restart.unit};
  TANDEM_CHECK(context_.turns.take(reaction));
  auto done = context_.ports.services.restart(restart.unit);
  if (!done) done = std::unexpected(with_last_words(context_.ports.processes, restart.unit, std::move(done).error()));
  const bool refused = !done && done.error().kind == ErrorKind::refused; // it was not tried
  context_.turns.give_back(reaction, done || refused);
  if (done || refused) return done;
  // What the check of its files cannot see: memory that is not there, a library to load that is not there.
  auto error = std::move(done).error();
  error.hint = "It may be that it cannot start with its settings: see journalctl -u " + restart.unit +
               ", mend [database] settings and apply again.";
  return std::unexpected(std::move(error));
}

Result<void> Actions::make_one(const Certificate& certificate, const Reading& actual) {
  TANDEM_TRY(const auto owner, ownership(certificate.key_owner, certificate.key_group));
  if (is_left_alone(certificate, std::get<CertificateReading>(actual.value)))
    return set_access(certificate.key_path, certificate.key_mode, owner);
  TANDEM_TRY(const auto issued, context_.issuer.issue(certificate.names, certificate.lifetime));
  if (certificate.path == certificate.key_path)
    return context_.ports.files.write(certificate.path, issued.key + issued.certificate, certificate.key_mode, owner);
  // A cut between the two writes leaves a key without its certificate: compare() sees names or issuer differ only by
  // chance, so the old certificate goes first.
  TANDEM_CHECK(context_.ports.files.remove(certificate.path));
  TANDEM_CHECK(context_.ports.files.write(certificate.key_path, issued.key, certificate.key_mode, owner));
  return context_.ports.files.write(certificate.path, issued.certificate, 0644, {});
}

} // namespace tandem::converge
