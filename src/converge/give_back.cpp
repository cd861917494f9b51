#include "converge/give_back.hpp"

#include "converge/actions.hpp"

namespace tandem::converge {

namespace {

using system::FileType;

class PuttingBack {
public:
  PuttingBack(ApplyContext& context, Ledger& ledger, Before& before)
      : context_(context), ledger_(ledger), before_(before), reader_(context.ports, ledger, context.issuer),
        actions_(context, ledger, before, reader_) {}

  // What runs now and did not then ends before its files go, what ran then begins when they are there again.
  Result<std::size_t> run(const Choice& choice) {
    auto formers = before_.things();
    std::erase_if(formers, [&](const Former& former) { return !choice(former); });
    std::ranges::reverse(formers);
    const auto starts = [](const Former& former) {
      const auto* unit = std::get_if<UnitBefore>(&former.thing);
      return unit != nullptr && (unit->running || unit->enabled.value_or(false));
    };
    std::ranges::stable_partition(formers, [&](const Former& former) { return !starts(former); });
    for (const auto& former : formers) {
      TANDEM_CHECK(context_.halts.may_go_on());
      context_.observer.starting({.kind = ChangeKind::change, .id = former.id, .why = "as it was before tandem"});
      for (const auto& reaction : former.reactions)
        ledger_.owe(reaction);
      TANDEM_CHECK(ledger_.save(context_.ports.files));
      if (starts(former)) TANDEM_CHECK(context_.ports.services.reload_manager());
      auto done = std::visit([&](const auto& thing) { return put_back(thing); }, former.thing);
      if (!done) return std::unexpected(std::move(done).error().within(former.id));
      TANDEM_CHECK(before_.put_back(context_.ports.files, former.id));
    }
    return formers.size();
  }

private:
  Result<void> put_back(const PathBefore& path) {
    auto& files = context_.ports.files;
    TANDEM_TRY(const auto now, files.status(path.path));
    TANDEM_CHECK(keep_foreign(path, now));
    if (!path.was)
      TANDEM_CHECK(take_away(path.path, now));
    else
      TANDEM_CHECK(restore(path, now));
    ledger_.forget(path.path);
    return ledger_.save(files);
  }

  // Of tandem's own text nothing is lost, nor of what a run that was cut off has put back; of anything else there is a
  // copy.
  Result<void> keep_foreign(const PathBefore& path, const std::optional<system::FileStatus>& now) {
    auto& files = context_.ports.files;
    if (!now || now->type != FileType::regular) return {};
    TANDEM_TRY(const auto content, files.read(path.path));
    if (ledger_.author(path.path, content) == Authorship::tandem) return {};
    if (path.was && path.was->type == FileType::regular) {
      const auto kept = files.read(path.kept.empty() ? path.path : path.kept);
      if (kept && *kept == content) return {};
    }
    TANDEM_CHECK(actions_.keep(path.path));
    return {};
  }

  Result<void> take_away(const std::string& path, const std::optional<system::FileStatus>& now) {
    auto& files = context_.ports.files;
    if (!now) return {};
    if (now->type == FileType::folder) {
      TANDEM_TRY(const auto names, files.list(path));
      if (!names.empty()) return {};
    }
    return files.remove(path);
  }

  Result<void> restore(const PathBefore& path, const std::optional<system::FileStatus>& now) {
    auto& files = context_.ports.files;
    const auto& was = *path.was;
    const system::Ownership owner{was.uid, was.gid};
    if (now && now->type == FileType::folder && was.type != FileType::folder)
      return fail(ErrorKind::refused, path.path + " is a folder now", "Move it away and run this again.");
    if (was.type == FileType::link) return files.make_link(path.path, was.target);
    if (was.type == FileType::regular && !path.kept.empty()) {
      auto content = files.read(path.kept);
      if (!content) return std::unexpected(std::move(content).error().within("what was kept of " + path.path));
      return files.write(path.path, *content, was.mode, owner);
    }
    if (was.type == FileType::folder && !now) return files.make_folder(path.path, was.mode, owner);
    if (!now) return {};
    TANDEM_CHECK(files.set_owner(path.path, owner)); // first: it clears set-user-id bits
    return files.set_mode(path.path, was.mode);
  }

  Result<void> put_back(const UnitBefore& unit) {
    auto& services = context_.ports.services;
    TANDEM_TRY(const auto now, services.status(unit.name));
    if (now.load == "not-found" || now.load == "masked") return {};
    const bool enabled = now.file == "enabled" || now.file == "enabled-runtime";
    const bool wanted = unit.enabled.value_or(false);
    if ((enabled || now.file == "disabled") && enabled != wanted)
      TANDEM_CHECK(wanted ? services.enable(unit.name) : services.disable(unit.name));
    const bool runs = now.active != "inactive" && now.active != "failed";
    if (runs == unit.running) return {};
    return unit.running ? services.start(unit.name) : services.stop(unit.name);
  }

  Result<void> put_back(const UserBefore& before) {
    auto& accounts = context_.ports.accounts;
    TANDEM_TRY(const auto table, accounts.read());
    const auto* user = table.user(before.name);
    if (user == nullptr) return {};
    if (user->shell != before.shell) TANDEM_CHECK(accounts.set_shell(before.name, before.shell));
    const auto* primary = table.group(user->gid);
    if (table.group(before.group) != nullptr && (primary == nullptr || primary->name != before.group))
      TANDEM_CHECK(accounts.set_primary_group(before.name, before.group));
    for (const auto& joined : before.joined) {
      const auto* group = table.group(joined);
      if (group != nullptr && std::ranges::find(group->members, before.name) != group->members.end())
        TANDEM_CHECK(accounts.remove_from_group(before.name, joined));
    }
    if (before.password.empty() || user->password == before.password) return {};
    return accounts.set_password(before.name, before.password);
  }

  // One that is no more is nobody's loss.
  Result<void> put_back(const DatabaseBefore& database) {
    TANDEM_TRY(const auto there,
               context_.ports.databases.query("postgres",
                                              "SELECT 1 FROM pg_database, pg_roles WHERE datname = $1 AND rolname = $2",
                                              {database.name, database.owner}));
    if (there.empty()) return {};
    const auto name = quoted(database.name);
    TANDEM_CHECK(sql("ALTER DATABASE " + name + " OWNER TO " + quoted(database.owner)));
    if (database.open_to_all) TANDEM_CHECK(sql("GRANT CONNECT, TEMPORARY ON DATABASE " + name + " TO PUBLIC"));
    return {};
  }

  Result<void> put_back(const RoleBefore& role) {
    TANDEM_TRY(const auto there,
               context_.ports.databases.query("postgres", "SELECT 1 FROM pg_roles WHERE rolname = $1", {role.name}));
    if (there.empty()) return {};
    return sql(fmt::format("ALTER ROLE {} {} {}", quoted(role.name), role.login ? "LOGIN" : "NOLOGIN",
                           role.replication ? "REPLICATION" : "NOREPLICATION"));
  }

  Result<void> sql(const std::string& statement) {
    TANDEM_CHECK(context_.ports.databases.query("postgres", statement));
    return {};
  }

  ApplyContext& context_;
  Ledger& ledger_;
  Before& before_;
  Reader reader_;
  Actions actions_;
};

Result<void> owe_all(Ledger& ledger, system::Files& files, const std::set<Reaction>& more) {
  for (const auto& reaction : more)
    ledger.owe(reaction);
  for (const auto& reaction : std::set<Reaction>(ledger.owed()))
    if (reaction.kind == ReactionKind::reload && ledger.owed().contains({ReactionKind::restart, reaction.unit}))
      ledger.paid(reaction);
  return ledger.save(files);
}

} // namespace

Result<std::size_t> give_back(ApplyContext& context, const Choice& choice, const std::set<Reaction>& more) {
  auto& files = context.ports.files;
  TANDEM_CHECK(files.make_folder(context.state_folder, 0700, {}));
  Ledger ledger(context.state_folder + "/converge.json");
  TANDEM_CHECK(ledger.load(files));
  Before before(context.state_folder, false);
  TANDEM_CHECK(before.load(files));
  TANDEM_TRY(const auto count, PuttingBack(context, ledger, before).run(choice));
  TANDEM_CHECK(owe_all(ledger, files, more));
  // What is owed is told as an apply does it that finds nothing to change.
  TANDEM_TRY(const auto told, apply({}, context));
  if (told.failed) return std::unexpected(Error(*told.error).within(*told.failed));
  return count;
}

Result<bool> has_former(system::Files& files, const std::string& state_folder, const Choice& choice) {
  Before before(state_folder, false);
  TANDEM_CHECK(before.load(files));
  return std::ranges::any_of(before.things(), choice);
}

} // namespace tandem::converge
