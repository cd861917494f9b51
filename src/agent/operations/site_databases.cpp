#include "agent/operations/site_databases.hpp"

#include "agent/halt.hpp"
#include "agent/site_hold.hpp"
#include "agent/times.hpp"
#include "base/text.hpp"
#include "sites/shelf.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

// The primary's, of a site that has a database.
struct Asked {
  std::shared_ptr<const model::Pair> pair;
  model::Site site;
  std::string server;
  std::string who;
};

Result<Asked> asked_for(OperationContext& context, bool on_primary) {
  TANDEM_TRY(const auto domain, peer::text_member(context.params(), "site"));
  TANDEM_TRY(const auto who, peer::text_member_or(context.params(), "who", "somebody"));
  const auto snapshot = context.snapshot();
  const auto& primary = snapshot.standing.primary;
  if (on_primary && primary != snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is a standby, whose databases are copies of the primary's",
                primary.empty() ? "tandem status" : "Run the same command on " + primary);
  TANDEM_TRY(const auto pair, context.load_pair());
  const auto* site = pair->site(domain);
  if (site == nullptr) return fail(ErrorKind::not_found, "tandem.toml has no site " + domain);
  if (!site->database) return fail(ErrorKind::not_found, domain + " has no [site.database] in tandem.toml");
  return Asked{pair, *site, snapshot.server, who};
}

sites::Progress progress_of(const OperationContext& context) {
  return [&context](const std::string& line) { context.report(line); };
}

// One at a time: there is one unfinished database, and one disk.
std::unique_lock<std::mutex> take_databases(const OperationContext& context, ReleaseWork& shared) {
  std::unique_lock lock(shared.databases, std::try_to_lock);
  if (lock.owns_lock()) return lock;
  context.report("waiting for another dump, copy or restore on this server");
  lock.lock();
  return lock;
}

Result<Json> list_dumps(OperationContext& context) {
  TANDEM_TRY(const auto asked, asked_for(context, false));
  TANDEM_TRY(const auto work, site_database_work(context));
  sites::SiteDatabase database(work, asked.site);
  TANDEM_TRY(const auto dumps, database.dumps());
  Json all = Json::array();
  for (const auto& dump : dumps)
    all.push_back({{"id", dump.id},
                   {"file", sites::dump_file(dump)},
                   {"release", dump.release},
                   {"made", utc_text(*sites::dump_moment(dump.id))},
                   {"size", dump.size}});
  TANDEM_TRY(const auto rows, database.former());
  Json former = Json::array();
  for (const auto& one : rows)
    former.push_back({{"database", one.name}, {"size", one.size}});
  return Json{{"server", asked.server}, {"dumps", all}, {"folder", database.folder()}, {"former", former}};
}

// What a restore would lose, and what may not fit together afterwards.
std::unexpected<Error> not_unasked(const OperationContext& context, const Asked& asked, const sites::Dump& dump,
                                   const std::string& former, const std::optional<std::string>& serving) {
  const auto made = *sites::dump_moment(dump.id);
  const auto now = std::chrono::floor<std::chrono::seconds>(context.ports().clock.wall_time());
  auto text =
      fmt::format("restoring dump {} takes {} back to {}, {} ago: {} will not have what was written since; the "
                  "database as it is then stays as {}",
                  dump.id, asked.site.domain, utc_text(made), sites::age_text(now - made), asked.site.domain, former);
  if (serving && *serving >= dump.release)
    text += fmt::format(". Release {} serves, and its steps ran after that dump: where it needs what they did, go back "
                        "to the release before first (tandem rollback {})",
                        *serving, asked.site.domain);
  return fail(ErrorKind::refused, text,
              fmt::format("If that is what you want: tandem database restore {} {} --yes", asked.site.domain, dump.id));
}

// From the closed gate to the open one. What fails leaves the database as it was.
Result<std::chrono::milliseconds> swap_databases(OperationContext& context, ReleaseWork& shared, const Asked& asked,
                                                 sites::SiteDatabase& database, const std::string& former) {
  const auto& work = database.work();
  SiteHold hold(
      context.agent(), shared.applications, *asked.pair, asked.site, [&context] { return context.cancelled(); },
      progress_of(context));
  context.report("waiting for a calm moment");
  TANDEM_CHECK(hold.begin());
  TANDEM_CHECK(sites::at_point(work, "restore swap"));
  TANDEM_CHECK(database.swap_in(former));
  auto well = sites::at_point(work, "restore swapped");
  if (well) well = hold.start_site();
  if (!well) {
    auto back = hold.stop_site();
    if (back) back = database.swap_back(former);
    if (!back)
      return fail(ErrorKind::failed,
                  fmt::format("{} does not work with the restored database: {}; and going back: {}", asked.site.domain,
                              well.error().message, back.error().message),
                  fmt::format("{} has the database as it was before", former));
    return fail(well.error().kind,
                fmt::format("{} does not work with the restored database, so it has the one from before again: {}",
                            asked.site.domain, well.error().message),
                "A release that fits the dump first: tandem rollback " + asked.site.domain);
  }
  TANDEM_CHECK(hold.end());
  return hold.held();
}

Result<Json> restore(OperationContext& context, ReleaseWork& shared) {
  TANDEM_TRY(const auto asked, asked_for(context, true));
  TANDEM_TRY(const auto wanted, peer::text_member(context.params(), "dump"));
  const auto& domain = asked.site.domain;
  TANDEM_TRY(const auto work, site_database_work(context));
  sites::SiteDatabase database(work, asked.site);
  TANDEM_TRY(const auto dumps, database.dumps());
  TANDEM_TRY(const auto dump, sites::choose_dump(dumps, wanted));
  const auto former = sites::former_name(asked.site.database->name, sites::dump_id(context.ports().clock.wall_time()));
  if (!context.params().value("sure", false)) {
    sites::Shelf shelf({.ports = context.ports(),
                        .applications = shared.applications,
                        .layout = {.state = context.agent().settings().state_folder}});
    const auto serving = shelf.current(domain);
    return not_unasked(context, asked, dump, former, serving ? *serving : std::nullopt);
  }
  TANDEM_TRY(const auto lock, shared.locks.take(domain, {.who = asked.who,
                                                         .why = "restore of the database of " + domain,
                                                         .since = context.ports().clock.wall_time()}));
  const auto databases = take_databases(context, shared);
  auto done = database.fill(dump, progress_of(context));
  if (done) done = sites::at_point(work, "restore filled");
  auto held = done ? swap_databases(context, shared, asked, database, former)
                   : Result<std::chrono::milliseconds>(std::unexpected(done.error()));
  if (!held) {
    static_cast<void>(sites::SiteDatabase::drop_unfinished(work)); // its keeper does so later if this fails
    return std::unexpected(std::move(held).error());
  }
  return Json{{"site", domain},
              {"database", asked.site.database->name},
              {"dump", dump.id},
              {"former", former},
              {"held_ms", held->count()}};
}

Result<Json> copy_site(OperationContext& context, ReleaseWork& shared) {
  TANDEM_TRY(const auto asked, asked_for(context, true));
  TANDEM_TRY(const auto to, peer::text_member(context.params(), "to"));
  TANDEM_TRY(const auto file, peer::text_member_or(context.params(), "scrub", ""));
  TANDEM_CHECK(sites::check_copy_name(to));
  for (const auto& site : asked.pair->sites)
    if (site.database && site.database->name == to)
      return fail(ErrorKind::refused, to + " is the database of " + site.domain, "Another --to");
  std::optional<sites::Scrub> scrub;
  if (!file.empty()) {
    TANDEM_TRY(auto text, context.ports().files.read(file));
    if (trim(text).empty()) return fail(ErrorKind::invalid, file + " is empty, so it would scrub nothing");
    scrub = sites::Scrub{file, std::move(text)};
  }
  TANDEM_TRY(const auto work, site_database_work(context));
  TANDEM_TRY(const auto lock,
             shared.locks.take(asked.site.domain, {.who = asked.who,
                                                   .why = "copy of the database of " + asked.site.domain,
                                                   .since = context.ports().clock.wall_time()}));
  const auto databases = take_databases(context, shared);
  TANDEM_CHECK(sites::SiteDatabase(work, asked.site).copy_to(to, scrub, progress_of(context)));
  return Json{{"site", asked.site.domain}, {"database", to}};
}

Operation told(std::string name, std::shared_ptr<ReleaseWork> work,
               Result<Json> (*run)(OperationContext&, ReleaseWork&)) {
  return {
      .name = name, .callers = {Caller::command}, .apart = true, .run = [name, work, run](OperationContext& context) {
        auto done = run(context, *work);
        context.log(
            fmt::format("{} {}: {}", name, context.params().value("site", ""), done ? "done" : describe(done.error())));
        return done;
      }};
}

} // namespace

Result<sites::DatabaseWork> site_database_work(Agent& agent, const std::string& self) {
  TANDEM_TRY(const auto tools, database_tools(agent, self, {}));
  return sites::DatabaseWork{.ports = agent.ports(), .postgres = tools.layout, .state = agent.settings().state_folder};
}

Result<sites::DatabaseWork> site_database_work(OperationContext& context) {
  TANDEM_TRY(auto work, site_database_work(context.agent(), context.snapshot().server));
  work.reached = [&context](std::string_view name) {
    const auto point = fmt::format("database {}", name);
    const HaltFile file(context.ports().files, context.agent().settings().run_folder);
    if (file.names(point)) file.tell(point);
    const auto tell = [&context](const std::string& line) { context.log("the database work " + line); };
    const Halting halting(file, tell, [&context] { return context.cancelled(); });
    return halting.at(point, fmt::format("at \"{}\"", name));
  };
  return work;
}

Result<void> dump_site(OperationContext& context, ReleaseWork& shared, const model::Site& site,
                       const std::string& release) {
  TANDEM_TRY(const auto work, site_database_work(context));
  const auto databases = take_databases(context, shared);
  TANDEM_TRY(const auto dump, sites::SiteDatabase(work, site).dump(release, progress_of(context)));
  context.report(fmt::format("dump {} is kept for a week ({})", dump.id, sites::size_text(dump.size)));
  return {};
}

Operation site_dumps_operation() {
  return {.name = "database.dumps", .callers = {Caller::command}, .run = list_dumps};
}

Operation site_restore_operation(std::shared_ptr<ReleaseWork> work) {
  return told("database.restore", std::move(work), restore);
}

Operation site_copy_operation(std::shared_ptr<ReleaseWork> work) {
  return told("database.duplicate", std::move(work), copy_site);
}

} // namespace tandem::agent
