#include "agent/giving_back.hpp"

#include "agent/agent.hpp"
#include "agent/held_restarts.hpp"
#include "agent/import_spools.hpp"
#include "agent/membership.hpp"
#include "agent/operations/replication.hpp"
#include "agent/orders.hpp"
#include "agent/reaction_turns.hpp"
#include "agent/site_hold.hpp"
#include "agent/visitor_hold.hpp"
#include "base/text.hpp"
#include "converge/reading.hpp"
#include "model/places.hpp"
#include "peer/certificate_details.hpp"
#include "replication/database/running.hpp"
#include "sites/by_hand.hpp"
#include "system/pause.hpp"

namespace tandem::agent {

namespace {

constexpr auto* guide = "\"A pair that was set up by hand\" in /usr/share/doc/tandem/operators-guide.md";
constexpr std::chrono::minutes follow_limit{2};
constexpr std::chrono::milliseconds look_again{200};

// What is put back was there before, and nothing of it is issued.
class NoIssuer final : public converge::CertificateIssuer {
public:
  Result<converge::CertificateFacts> inspect(const std::string& /*pem*/) override {
    return failed("no certificate is looked at here");
  }

  Result<converge::IssuedCertificate> issue(const std::vector<std::string>& /*names*/,
                                            std::chrono::hours /*lifetime*/) override {
    return failed("no certificate is issued here");
  }
};

const converge::PathBefore* path_in(const converge::Former& former) {
  return std::get_if<converge::PathBefore>(&former.thing);
}

bool lies_in(const converge::Former& former, const std::string& folder) {
  const auto* path = path_in(former);
  return path != nullptr && (path->path == folder || path->path.starts_with(folder + "/"));
}

bool is_content(const converge::Former& former) {
  return std::holds_alternative<converge::DatabaseBefore>(former.thing) ||
         std::holds_alternative<converge::RoleBefore>(former.thing);
}

bool is_front(const converge::Former& former) {
  const auto* unit = std::get_if<converge::UnitBefore>(&former.thing);
  return lies_in(former, "/etc/nginx") || (unit != nullptr && unit->name == "nginx.service");
}

// The settings file of one text, with the other's upstream.
std::string with_upstream_of(const std::string& text, const std::string& other) {
  const auto is_upstream = [](const std::string& line) {
    return line.starts_with("primary_conninfo") || line.starts_with("primary_slot_name");
  };
  std::string result;
  for (const auto& line : lines_of(text))
    if (!is_upstream(line)) result += line + "\n";
  for (const auto& line : lines_of(other))
    if (is_upstream(line)) result += line + "\n";
  return result;
}

} // namespace

// Each thing as a line; nothing stands still here, and nobody is asked.
class GivingBack::Speaker final : public converge::Observer, public converge::Halts {
public:
  explicit Speaker(const OperationContext& context, std::string server)
      : context_(context), server_(std::move(server)) {}

  void starting(const converge::Change& change) override { context_.report(server_ + ": " + change.id); }

  void line(std::string_view text) override {
    if (text.starts_with("kept the old ")) context_.report(fmt::format("{}:   {}", server_, text));
  }

  void finished(const converge::Change& /*change*/) override {}

  Result<void> reached(converge::Moment /*moment*/, const converge::Change& /*change*/) override { return {}; }

  Result<void> may_go_on() override {
    if (!context_.cancelled()) return {};
    return fail(ErrorKind::unavailable, "ended here", "Run `tandem adopt --undo` again: it goes on from there");
  }

  [[nodiscard]] bool may_wait() const override { return true; }

private:
  const OperationContext& context_;
  std::string server_;
};

GivingBack::GivingBack(OperationContext& context, std::shared_ptr<const model::Pair> pair, const model::ByHand& by_hand,
                       system::Applications& applications)
    : context_(context), pair_(std::move(pair)), by_hand_(by_hand), applications_(applications),
      snapshot_(context.snapshot()) {}

sites::Tools GivingBack::tools() const {
  return {.ports = context_.ports(),
          .applications = applications_,
          .layout = {.state = context_.agent().settings().state_folder},
          .database_unit = layout_.unit};
}

GiveBackMark GivingBack::mark() const {
  return {context_.ports().files, context_.agent().settings().state_folder};
}

std::string GivingBack::upstream_by_hand() const {
  return context_.agent().settings().state_folder + "/kept/" + kept_upstream;
}

Result<std::string> GivingBack::slot_by_hand() const {
  if (is_primary()) return std::string();
  const auto text = context_.ports().files.read(upstream_by_hand());
  if (!text && text.error().kind == ErrorKind::not_found) return std::string();
  TANDEM_CHECK(text);
  const auto settings = converge::parse_settings(*text);
  const auto slot = settings.find("primary_slot_name");
  return slot == settings.end() ? std::string() : slot->second;
}

Result<std::string> GivingBack::check() {
  TANDEM_TRY(const auto database, database_tools(context_.agent(), snapshot_.server, {}));
  layout_ = database.layout;
  TANDEM_TRY(const bool begun, mark().says(GiveBackMark::begun));
  if (begun) return slot_by_hand();
  TANDEM_TRY(const bool given_up, mark().given_up());
  if (given_up)
    return fail(ErrorKind::refused, "the way back of " + snapshot_.server + " was given up by tandem adopt --keep",
                guide);
  const auto anything = [](const converge::Former& /*former*/) { return true; };
  TANDEM_TRY(const bool known,
             converge::has_former(context_.ports().files, context_.agent().settings().state_folder, anything));
  TANDEM_TRY(const auto role, mark().role_by_hand());
  if (!known || role.empty())
    return fail(ErrorKind::refused,
                "what " + snapshot_.server + " was before tandem is not known: no apply has taken it over from hands",
                guide);
  if (is_primary() != (role == "primary"))
    return fail(ErrorKind::refused, fmt::format("{} was the {} when it was set up by hand", snapshot_.server, role),
                "tandem switchover, then this again on the new primary");
  for (const auto& site : pair_->sites)
    TANDEM_CHECK(check_site(site));
  for (const auto& domain : sites_with_uploads(context_.agent())) {
    TANDEM_TRY(const auto held, uploads_held(context_.agent(), domain));
    if (!held.empty())
      return fail(ErrorKind::refused, fmt::format("uploads for {} wait here", domain),
                  "Wait, or decide about those that failed: tandem imports");
  }
  return slot_by_hand();
}

Result<void> GivingBack::check_site(const model::Site& site) {
  auto& files = context_.ports().files;
  const auto layout = tools().layout;
  const auto* known = by_hand_.site(site.domain);
  if (known == nullptr || known->socket.empty() || known->unit.empty())
    return fail(ErrorKind::refused,
                known != nullptr && !known->socket.empty()
                    ? site.domain + " had no systemd unit of its own that could serve it again"
                    : site.domain + " was not set up by hand; nothing would serve it any more",
                "Take it out of tandem.toml if it is to go, then: tandem apply");
  TANDEM_TRY(const auto link, files.status(layout.site_link(site.domain)));
  TANDEM_TRY(const auto kept, files.status(layout.kept_by_hand(site.domain, 1)));
  if (const auto pem = context_.ports().files.read(known->certificate); is_primary() && pem)
    if (const auto facts = peer::certificate_details(*pem);
        facts && facts->not_after < context_.ports().clock.wall_time())
      return fail(ErrorKind::refused, known->certificate + ", which visitors would get, has run out",
                  "Put one in its place that is valid; tandem's is " + model::certificate_path(site.domain));
  const auto is_folder = [](const auto& status) { return status && status->type == system::FileType::folder; };
  if (is_folder(link) || is_folder(kept)) return {};
  return fail(ErrorKind::refused, layout.kept_by_hand(site.domain, 1) + ", from which the site was served, is gone",
              guide);
}

Result<void> GivingBack::begin() {
  TANDEM_CHECK(KeptOrders(context_.ports().files, context_.agent().settings().state_folder).forget());
  return mark().add(GiveBackMark::begun);
}

Result<void> GivingBack::end_duty() {
  TANDEM_CHECK(mark().add(GiveBackMark::no_duty));
  context_.agent().on_loop([&] { context_.agent().set_given_back(true); });
  return {};
}

// ---- sites

Result<void> GivingBack::serve_sites() {
  const auto tell = [&](const std::string& line) { context_.report(snapshot_.server + ": " + line); };
  const auto ended = [&] { return context_.cancelled(); };
  TANDEM_CHECK(still_work(context_.agent(), ended, tell)); // also what has begun again since an earlier attempt
  std::vector<model::Site> sites;
  for (const auto& site : pair_->sites) {
    TANDEM_TRY(const auto link, context_.ports().files.status(tools().layout.site_link(site.domain)));
    if (link && link->type == system::FileType::link) sites.push_back(site);
  }
  if (sites.empty()) return {};
  VisitorHold visitors(context_.agent(), applications_, sites, layout_.unit, ended);
  TANDEM_TRY(const bool drained, visitors.close(pair_->role.drain));
  TANDEM_TRY(const bool idle, visitors.hide(drained ? pair_->role.drain : std::chrono::seconds(0)));
  auto changed =
      idle ? change_sites(sites, visitors.serving())
           : fail(ErrorKind::refused, fmt::format("requests are still under way after {} s", pair_->role.drain.count()),
                  "Try again when they have ended");
  if (!changed)
    if (const auto back = back_to_releases(sites, visitors.serving()); !back) tell(describe(back.error()));
  TANDEM_CHECK(visitors.open());
  tell(fmt::format("visitors waited {} ms", visitors.held().count()));
  return changed;
}

Result<void> GivingBack::change_sites(const std::vector<model::Site>& sites, sites::Serving serving) {
  for (const auto& site : sites) {
    TANDEM_TRY(releases_[site.domain], sites::SiteByHand(tools(), site.domain).take_back());
    TANDEM_CHECK(serving.serve_current(site, [&](const std::string& line) { context_.report(line); }));
    if (auto answers = serving.wake(site); !answers)
      return std::unexpected(std::move(answers).error().within(site.domain + " as it was set up by hand"));
  }
  return {};
}

Result<void> GivingBack::back_to_releases(const std::vector<model::Site>& sites, sites::Serving serving) {
  for (const auto& site : sites) {
    const auto release = releases_.find(site.domain);
    if (release != releases_.end() && !release->second.empty())
      TANDEM_CHECK(sites::SiteByHand(tools(), site.domain).change_places(release->second));
    TANDEM_CHECK(serving.serve_current(site, [](const std::string& /*line*/) {}));
  }
  return {};
}

// ---- the database

// Only where it takes its WAL from: whatever else ALTER SYSTEM has set since stays.
Result<void> GivingBack::follow_by_hand() {
  auto& ports = context_.ports();
  for (const auto& site : pair_->sites)
    TANDEM_CHECK(sites::Serving(tools()).stop(site));
  const auto path = layout_.data + "/postgresql.auto.conf";
  const auto kept = ports.files.read(upstream_by_hand());
  if (!kept && kept.error().kind != ErrorKind::not_found) return std::unexpected(kept.error());
  TANDEM_TRY(const auto now, ports.files.read(path));
  TANDEM_TRY(const auto accounts, ports.accounts.read());
  const auto* postgres = accounts.user("postgres");
  if (postgres == nullptr) return failed("there is no user postgres");
  if (kept) // else it is done, and what is left is to leave
    TANDEM_CHECK(ports.files.write(path, with_upstream_of(now, *kept), 0600, {postgres->uid, postgres->gid}));
  const auto upstream = system::upstream_path(layout_);
  TANDEM_CHECK(put_back([&](const converge::Former& former) { return lies_in(former, upstream); }));
  TANDEM_CHECK(ports.files.remove(upstream)); // an agent that started meanwhile may have written it anew
  TANDEM_CHECK(database_runs());
  return ports.services.reload(layout_.unit);
}

Result<void> GivingBack::put_back(const converge::Choice& choice, const std::set<converge::Reaction>& more) {
  NoIssuer issuer;
  Speaker speaker(context_, snapshot_.server);
  OwnTurns turns(context_.agent().turns(), snapshot_.server, TurnOf::apply);
  HeldRestarts held(turns, context_, applications_, *pair_);
  converge::ApplyContext work{.ports = context_.ports(),
                              .issuer = issuer,
                              .turns = held,
                              .observer = speaker,
                              .halts = speaker,
                              .state_folder = context_.agent().settings().state_folder};
  TANDEM_CHECK(converge::give_back(work, choice, more));
  return {};
}

// One that nobody uses keeps WAL until the disk is full. The one from before tandem may be gone, or have lost its WAL.
Result<void> GivingBack::change_slots(const std::vector<std::string>& slots) {
  auto& databases = context_.ports().databases;
  for (const auto& slot : slots) {
    TANDEM_CHECK(databases.query("postgres",
                                 "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                                 " WHERE slot_name = $1 AND wal_status = 'lost'",
                                 {slot}));
    TANDEM_CHECK(databases.query("postgres",
                                 "SELECT pg_create_physical_replication_slot($1, true)"
                                 " WHERE NOT EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = $1)",
                                 {slot}));
  }
  TANDEM_TRY(const auto database,
             database_tools(context_.agent(), snapshot_.server, [this] { return context_.cancelled(); }));
  for (const auto& server : pair_->servers)
    if (server.name != snapshot_.server) TANDEM_CHECK(replication::drop_slot(database, server.name));
  return {};
}

// After a power cut in between nobody else has started it.
Result<void> GivingBack::database_runs() {
  auto& services = context_.ports().services;
  TANDEM_TRY(const auto status, services.status(layout_.unit));
  if (status.active == "active" || status.active == "reloading") return {};
  context_.report(snapshot_.server + ": starting PostgreSQL");
  return services.start(layout_.unit);
}

Result<void> GivingBack::wait_until_it_follows() {
  auto& ports = context_.ports();
  NoIssuer issuer;
  converge::Ledger ledger(context_.agent().settings().state_folder + "/converge.json");
  converge::Reader reader(ports, ledger, issuer);
  const converge::DatabaseRestart without{.unit = layout_.unit,
                                          .path = layout_.config + "/conf.d/50-tandem.conf",
                                          .content = {},
                                          .standby = true,
                                          .control_data = {layout_.binaries + "/pg_controldata", "-D", layout_.data}};
  const auto end = ports.clock.boot_time() + follow_limit;
  context_.report(snapshot_.server + ": waiting until its database follows as it did by hand");
  while (true) {
    TANDEM_TRY(const auto receiver,
               ports.databases.query("postgres", "SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming'"));
    TANDEM_TRY(const auto reading, reader.read(without));
    const auto& held_back = std::get<converge::DatabaseReading>(reading.value).held_back;
    if (!receiver.empty() && held_back.empty()) return {};
    if (context_.cancelled() || ports.clock.boot_time() >= end)
      return fail(ErrorKind::unavailable,
                  receiver.empty() ? "its PostgreSQL does not stream by what it was set up with: " + layout_.data +
                                         "/postgresql.auto.conf"
                                   : "it has not come to where it may lower " + join(held_back, ", "),
                  "journalctl -u " + layout_.unit + " says more; then: tandem adopt --undo, which goes on from here");
    system::pause_thread(look_again);
  }
}

Result<void> GivingBack::give_database(const std::vector<std::string>& slots) {
  const auto is_database = [&](const converge::Former& former) {
    const auto* unit = std::get_if<converge::UnitBefore>(&former.thing);
    return lies_in(former, layout_.config) || lies_in(former, "/etc/systemd/system/" + layout_.unit + ".d") ||
           (unit != nullptr && unit->name == "postgresql.service"); // which begins it at boot
  };
  TANDEM_CHECK(database_runs());
  TANDEM_TRY(const bool asked, mark().says(GiveBackMark::nothing_to_ask));
  if (!asked) {
    if (is_primary())
      TANDEM_CHECK(put_back(is_content));
    else
      TANDEM_CHECK(wait_until_it_follows());
    TANDEM_CHECK(change_slots(slots));
    TANDEM_CHECK(mark().add(GiveBackMark::nothing_to_ask));
  }
  TANDEM_TRY(const bool left,
             converge::has_former(context_.ports().files, context_.agent().settings().state_folder, is_database));
  if (left) TANDEM_CHECK(put_back(is_database, {{converge::ReactionKind::restart, layout_.unit}}));
  return database_runs();
}

// ---- the rest

// From then on nothing asks for a site's folders where releases have them, and a boot brings all of it.
Result<void> GivingBack::give_front() {
  const auto tell = [&](const std::string& line) { context_.report(snapshot_.server + ": " + line); };
  for (const auto& site : pair_->sites) {
    sites::SiteByHand by_hand(tools(), site.domain);
    TANDEM_CHECK(by_hand.take_back());
    TANDEM_CHECK(by_hand.begin(is_primary(), tell));
  }
  return put_back(is_front);
}

Result<void> GivingBack::give_rest() {
  for (const auto& site : pair_->sites)
    TANDEM_CHECK(sites::SiteByHand(tools(), site.domain).return_folders(site));
  TANDEM_CHECK(put_back([](const converge::Former& /*former*/) { return true; }));
  return sites::uncomment(context_.ports().files, by_hand_.cron);
}

// pair.json first: nothing is served by the role any more, and without it the agent belongs to no pair.
Result<void> GivingBack::leave() {
  auto& files = context_.ports().files;
  const auto& state = context_.agent().settings().state_folder;
  TANDEM_TRY(const auto upstream, files.status(upstream_by_hand()));
  if (upstream) TANDEM_CHECK(files.rename(upstream_by_hand(), upstream_by_hand() + ".given-back"));
  TANDEM_CHECK(files.rename(state + "/pair.json", state + "/pair.json.left"));
  TANDEM_CHECK(leave_pair(files, state));
  return mark().remove();
}

} // namespace tandem::agent
