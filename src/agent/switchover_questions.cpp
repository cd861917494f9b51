// What the two servers ask each other while a switchover is under way.
#include "agent/calm_moment.hpp"
#include "agent/switchover_steps.hpp"
#include "converge/settings_file.hpp"
#include "replication/database/control.hpp"
#include "sites/serving.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

Operation database_end_operation(std::shared_ptr<StepMemory> memory) {
  const auto end = [memory](OperationContext& context) -> Result<Json> {
    std::uint64_t checkpoint = memory->stopped_at;
    if (checkpoint == 0) {
      TANDEM_TRY(const auto tools, database_tools(context.agent(), context.snapshot().server, {}));
      TANDEM_TRY(const auto control, replication::read_control(tools, tools.layout.data));
      if (control.state != "shut down")
        return fail(ErrorKind::refused, "PostgreSQL is not shut down in order: " + control.state);
      checkpoint = control.checkpoint;
    }
    return Json{{"checkpoint", replication::to_wal_text(checkpoint)}};
  };
  return {.name = "database.end", .callers = {Caller::peer}, .run = end};
}

Operation database_waiting_operation() {
  const auto waiting = [](OperationContext& context) -> Result<Json> {
    auto& databases = context.ports().databases;
    // A look into the files makes this connection know of a reload that PostgreSQL has not come to yet.
    TANDEM_CHECK(databases.query("postgres", "SELECT count(*) FROM pg_file_settings"));
    TANDEM_TRY(const auto rows,
               databases.query("postgres", "SELECT lower(name) FROM pg_settings WHERE pending_restart ORDER BY name"));
    Json names = Json::array();
    for (const auto& row : rows)
      if (converge::standby_needs_as_much(row[0].value_or(""))) names.push_back(row[0].value_or(""));
    return Json{{"settings", std::move(names)}};
  };
  return {.name = "database.waiting", .callers = {Caller::peer}, .run = waiting};
}

Operation sites_calm_operation(system::Applications& applications) {
  const auto calm = [&applications](OperationContext& context) -> Result<Json> {
    constexpr std::chrono::seconds patience{5};
    const auto snapshot = context.snapshot();
    if (!snapshot.pair) return failed("tandem.toml cannot be read on " + snapshot.server);
    sites::Serving serving({.ports = context.ports(),
                            .applications = applications,
                            .layout = {.state = context.agent().settings().state_folder}});
    TANDEM_TRY(const bool is_calm, serving.wait_calm(snapshot.pair->sites, slow_request, patience));
    return Json{{"calm", is_calm}};
  };
  return {.name = "sites.calm", .callers = {Caller::peer}, .run = calm};
}

} // namespace tandem::agent
