#include "agent/duties.hpp"

#include "agent/operations/replication.hpp"
#include "setup/setup.hpp"
#include "sites/serving.hpp"
#include "system/postgres_layout.hpp"

namespace tandem::agent {

namespace {

constexpr auto* marker = "/primary_server";

class ServerDuties {
public:
  ServerDuties(Agent& agent, system::Applications& applications) : agent_(agent), applications_(applications) {}

  Result<void> serve() {
    const auto now = snapshot();
    TANDEM_CHECK(files().write(marker, now.server + "\n", 0644, {}));
    TANDEM_CHECK(start_database());
    TANDEM_CHECK(serve_sites(now));
    TANDEM_TRY(const bool has_nginx, is_installed("nginx.service"));
    if (has_nginx) TANDEM_CHECK(start("nginx.service"));
    return on_gate([&](Gate& gate) { return gate.open_local(now.server); });
  }

  // The gate and the database; applications that find no database do no harm and stay warm.
  Result<void> stop() {
    auto closed = on_gate([](Gate& gate) { return gate.close(); });
    auto unmarked = files().remove(marker);
    TANDEM_TRY(const auto database, database_unit());
    if (database) TANDEM_CHECK(agent_.ports().services.stop(*database));
    TANDEM_CHECK(closed);
    return unmarked;
  }

  // The gate first: what visitors ask of this server is passed on to the primary while the rest comes up.
  Result<void> follow(const std::string& primary) {
    TANDEM_CHECK(files().remove(marker));
    TANDEM_CHECK(on_gate([&](Gate& gate) { return gate.open_to_peer(primary); }));
    TANDEM_TRY(const bool has_nginx, is_installed("nginx.service"));
    if (has_nginx) TANDEM_CHECK(start("nginx.service"));
    const auto now = snapshot();
    if (!now.pair) return failed("tandem.toml cannot be read, so nothing follows");
    TANDEM_TRY(const auto database, database_unit());
    if (!database) return {};
    {
      const std::lock_guard work(agent_.database_work());
      TANDEM_CHECK(follow_database(agent_, *now.pair, now.server, primary));
    }
    return serve_sites(now);
  }

private:
  system::Files& files() { return agent_.ports().files; }

  Snapshot snapshot() {
    Snapshot now;
    agent_.on_loop([&] { now = agent_.state(); });
    return now;
  }

  // PostgreSQL's unit; nullopt before the first apply, when there is nothing to start yet.
  Result<std::optional<std::string>> database_unit() {
    TANDEM_TRY(const auto os_release, files().read("/etc/os-release"));
    TANDEM_TRY(const auto release, setup::release_of(os_release));
    const auto names = system::postgres_layout(release.postgres);
    TANDEM_TRY(const auto configured, files().status(names.config + "/postgresql.conf"));
    return configured ? std::optional(names.unit) : std::nullopt;
  }

  Result<bool> is_installed(const std::string& unit) {
    TANDEM_TRY(const auto status, agent_.ports().services.status(unit));
    return status.load == "loaded";
  }

  Result<void> start_database() {
    TANDEM_TRY(const auto unit, database_unit());
    if (!unit) return {};
    const std::lock_guard work(agent_.database_work());
    return start(*unit);
  }

  Result<void> start(const std::string& unit) {
    TANDEM_TRY(const auto status, agent_.ports().services.status(unit));
    if (status.active == "active") return {};
    return agent_.ports().services.start(unit);
  }

  Result<void> serve_sites(const Snapshot& now) {
    if (!now.pair) return failed("tandem.toml cannot be read, so no site is served", "tandem check");
    sites::Serving serving(
        {.ports = agent_.ports(), .applications = applications_, .layout = {.state = agent_.settings().state_folder}});
    for (const auto& site : now.pair->sites)
      TANDEM_CHECK(serving.serve_current(site, [this](const std::string& line) { agent_.log(line); }));
    return {};
  }

  Result<void> on_gate(const std::function<Result<void>(Gate&)>& work) {
    Result<void> result;
    agent_.on_loop([&] { result = work(agent_.gate()); });
    return result;
  }

  Agent& agent_;
  system::Applications& applications_;
};

} // namespace

Duties make_duties(Agent& agent, system::Applications& applications) {
  const auto duties = std::make_shared<ServerDuties>(agent, applications);
  return {.serve = [duties] { return duties->serve(); },
          .stop = [duties] { return duties->stop(); },
          .follow = [duties](const std::string& primary) { return duties->follow(primary); }};
}

} // namespace tandem::agent
