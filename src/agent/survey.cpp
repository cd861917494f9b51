#include "agent/survey.hpp"

#include "agent/events.hpp"
#include "agent/operations/replication.hpp"
#include "agent/times.hpp"
#include "journal/state_file.hpp"
#include "replication/database/rewind.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr int files_version = 1;

journal::StateFile files_state(Agent& agent) {
  return {agent.ports().files, agent.settings().state_folder + "/files.json", "files", files_version};
}

// A commit that comes later in the WAL was acknowledged after this moment.
Result<std::string> last_commit(Agent& agent) {
  TANDEM_TRY(const auto rows, agent.ports().databases.query(
                                  "postgres", "select to_char(pg_last_xact_replay_timestamp() at time zone 'UTC', "
                                              "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"));
  if (rows.size() != 1 || rows[0].size() != 1) return failed("PostgreSQL does not tell what it replayed last");
  return rows[0][0].value_or("");
}

struct Word {
  std::uint64_t epoch = 0;
  std::string complete_to;
};

Word kept_word(Agent& agent) {
  const auto kept = files_state(agent).load();
  if (!kept || !*kept) return {};
  const auto json = peer::parse_json((*kept)->content);
  return json ? Word{json->value("epoch", std::uint64_t{0}), json->value("complete_to", "")} : Word{};
}

// Before the word is stored: after it nothing would look for them any more.
Result<void> note_kept_files(Agent& agent, const std::string& folder, const std::string& primary) {
  auto& files = agent.ports().files;
  TANDEM_TRY(const auto there, files.status(folder));
  if (!there) return {};
  Events events(files, agent.settings().state_folder);
  return events.add(
      utc_text(agent.ports().clock),
      fmt::format("files that {} did not have, or had otherwise, when this server began to follow it", primary),
      {folder});
}

Result<Json> keep_word(OperationContext& context) {
  TANDEM_TRY(const auto to, peer::text_member(context.params(), "to"));
  if (context.from() != context.snapshot().standing.primary)
    return fail(ErrorKind::refused,
                context.from() + " is not the primary that " + context.snapshot().server + " knows");
  const auto epoch = context.snapshot().standing.epoch;
  if (context.params().value("epoch", epoch) != epoch)
    return fail(ErrorKind::refused, "the files were compared in another epoch than this one");
  auto& agent = context.agent();
  std::string kept;
  agent.on_loop([&] { kept = diverged_files_folder(agent); });
  if (!kept.empty()) TANDEM_CHECK(note_kept_files(agent, kept, context.from()));
  TANDEM_CHECK(files_state(agent).store(Json{{"epoch", epoch}, {"complete_to", to}}.dump()));
  return Json::object();
}

} // namespace

Result<Survey> take_survey(Agent& agent) {
  const auto self = [&agent] {
    std::string name;
    agent.on_loop([&] { name = agent.state().server; });
    return name;
  }();
  Survey survey{.wal = {}, .committed_to = {}, .files_to = files_complete_to(agent)};
  TANDEM_TRY(const auto tools, database_tools(agent, self, {}));
  TANDEM_CHECK(replication::check_whole(tools));
  TANDEM_TRY(const auto standing, replication::database_standing(tools));
  if (standing.state == replication::DatabaseState::absent) return survey;
  survey.wal = replication::to_wal_text(standing.position);
  if (standing.state == replication::DatabaseState::standby) {
    TANDEM_TRY(survey.committed_to, last_commit(agent));
  }
  return survey;
}

std::string told(const Survey& survey, const std::string& self, const std::string& old_primary) {
  std::vector<std::string> parts;
  if (!survey.wal.empty())
    parts.push_back(fmt::format("the database up to WAL position {}{}", survey.wal,
                                survey.committed_to.empty() ? "" : ", the last transaction of " + survey.committed_to));
  parts.push_back(survey.files_to.empty() ? "files that were never compared with those of " + old_primary
                                          : "the files complete to " + survey.files_to);
  std::string text = self + " has " + parts.front();
  if (parts.size() > 1) text += ", and " + parts.back();
  return text +
         fmt::format(".\nWhat was acknowledged on {} after that may be lost; it is kept and listed when {} comes back.",
                     old_primary, old_primary);
}

Operation files_complete_operation() {
  return {.name = "files.complete", .callers = {Caller::peer}, .run = keep_word};
}

std::string files_complete_to(Agent& agent) {
  return kept_word(agent).complete_to;
}

std::string diverged_files_folder(Agent& agent) {
  const auto state = agent.state();
  if (kept_word(agent).epoch == state.standing.epoch) return {};
  return fmt::format("{}/kept/{}-files", agent.settings().state_folder, state.standing.epoch);
}

} // namespace tandem::agent
