#include "agent/held_restarts.hpp"

#include "agent/duties.hpp"
#include "agent/operations/replication.hpp"
#include "replication/database/running.hpp"

namespace tandem::agent {

void HeldRestarts::say(const std::string& line) {
  context_.report(context_.snapshot().server + ": " + line);
}

Result<void> HeldRestarts::take(const converge::Reaction& reaction) {
  TANDEM_CHECK(turns_.take(reaction));
  auto held = reaction.kind == converge::ReactionKind::restart ? hold(reaction.unit) : Result<void>();
  if (!held) {
    let_go();
    turns_.give_back(reaction, true); // the service is there: it was not touched
  }
  return held;
}

void HeldRestarts::give_back(const converge::Reaction& reaction, bool done) {
  let_go();
  turns_.give_back(reaction, done);
}

// A server that serves nobody, or whose PostgreSQL does not run, keeps nobody waiting.
Result<void> HeldRestarts::hold(const std::string& unit) {
  const auto snapshot = context_.snapshot();
  if (snapshot.standing.primary != snapshot.server) return {};
  TANDEM_TRY(const auto database, database_tools(context_.agent(), snapshot.server, {}));
  if (unit != database.layout.unit) return {};
  TANDEM_TRY(const auto status, context_.ports().services.status(unit));
  if (status.active != "active") return {};
  bool open = false;
  context_.agent().on_loop(
      [&] { open = context_.agent().may_serve() && context_.agent().gate().state().mode == GateState::Mode::open; });
  if (!open) return {};
  // What PostgreSQL would write before it ends is written while visitors still come. It need not be well to restart.
  if (const auto written = replication::checkpoint(database); !written) say(describe(written.error()));
  visitors_.emplace(context_.agent(), applications_, pair_.sites, unit, [this] { return context_.cancelled(); });
  TANDEM_TRY(const bool drained, visitors_->close(pair_.role.drain));
  TANDEM_TRY(const bool idle, visitors_->hide(drained ? pair_.role.drain : std::chrono::seconds(0)));
  if (!idle) say("requests that go on for longer than [role] drain lose their database");
  return {};
}

void HeldRestarts::let_go() {
  if (!visitors_) return;
  const auto snapshot = context_.snapshot();
  bool may = false;
  context_.agent().on_loop([&] { may = context_.agent().may_serve(); });
  if (may && snapshot.pair) {
    if (const auto ran = run_sites(context_.agent(), applications_, snapshot, SitesAre::serving); !ran)
      say(describe(ran.error()));
    for (const auto& site : snapshot.pair->sites)
      if (const auto woken = visitors_->serving().wake(site); !woken)
        context_.log(site.domain + ": " + describe(woken.error()));
  }
  if (const auto opened = visitors_->open(); !opened) context_.log(describe(opened.error()));
  if (visitors_->held() > std::chrono::milliseconds(0))
    say(fmt::format("visitors waited {} ms while PostgreSQL restarted", visitors_->held().count()));
  visitors_.reset();
}

} // namespace tandem::agent
