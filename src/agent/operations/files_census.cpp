// Before a comparison by rsync: whether it would find anything at all. Both servers read their own files at the same
// time, and the stream of changes goes on meanwhile.
#include "agent/operations/replication.hpp"
#include "base/text.hpp"
#include "replication/files/census.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr auto census_limit = std::chrono::hours(12);
constexpr std::size_t most_places_told = 5;

Result<Json> census_of(Agent& agent, const model::Pair& pair, const std::string& server) {
  system::Command command{.arguments = {"tandem", "compare-files", "--with", server}, .time_limit = census_limit};
  for (auto& word : replication::census_words(pair))
    command.arguments.push_back(std::move(word));
  TANDEM_TRY(const auto outcome, run_checked(agent.ports().processes, command));
  auto said = Json::parse(outcome.output, nullptr, false);
  if (!said.is_object() || !said.value("names", Json()).is_number_unsigned() ||
      !said.value("unlike", Json()).is_number_unsigned() || !said.value("groups", Json()).is_number_unsigned())
    return failed("the comparison of files said nothing that is understood");
  return said;
}

std::string what_differs(const Json& said) {
  auto places = said.value("places", std::vector<std::string>());
  const bool more = said["unlike"].get<std::uint64_t>() > most_places_told;
  if (places.size() > most_places_told) places.resize(most_places_told);
  if (places.empty()) return "files with several names differ";
  return fmt::format("something differs in {}{}", join(places, ", "),
                     more ? fmt::format(" and {} folders in all", said["unlike"].get<std::uint64_t>()) : "");
}

} // namespace

std::optional<std::uint64_t> names_when_alike(Agent& agent, const model::Pair& pair, const std::string& server,
                                              const replication::Progress& progress) {
  const auto said = census_of(agent, pair, server);
  if (!said) {
    progress("a quick comparison was not possible: " + said.error().message);
    return std::nullopt;
  }
  const auto names = (*said)["names"].get<std::uint64_t>();
  const bool alike = (*said)["unlike"] == 0U && (*said)["groups"] == 0U;
  progress(alike ? fmt::format("{} names compared, nothing differs", names)
                 : fmt::format("{} names compared: {}", names, what_differs(*said)));
  return alike ? std::optional(names) : std::nullopt;
}

Result<system::Command> accept_census(Agent& agent, const std::string& server, const Json& params) {
  TANDEM_TRY(const auto words, peer::texts_member(params, "arguments"));
  const auto state = agent.state();
  if (state.standing.primary != server || state.server == server)
    return fail(ErrorKind::refused, fmt::format("{} is not the primary that {} knows", server, state.server));
  if (!state.pair) return fail(ErrorKind::unavailable, "tandem.toml cannot be read on " + state.server);
  // Roots are numbers in the messages, and what one side leaves out the other must.
  if (words != replication::census_words(*state.pair))
    return fail(ErrorKind::unavailable, state.server + " has another [files] in its tandem.toml");
  system::Command command{.arguments = {"tandem", "compare-files"}};
  command.arguments.insert(command.arguments.end(), words.begin(), words.end());
  return command;
}

} // namespace tandem::agent
