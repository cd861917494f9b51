// Before a comparison by rsync: whether it would find anything at all. Both servers read their own files at the same
// time, and the stream of changes goes on meanwhile.
#include "agent/operations/replication.hpp"
#include "agent/survey.hpp"
#include "base/text.hpp"
#include "replication/files/census.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr auto census_limit = std::chrono::hours(12);
constexpr std::size_t most_places_told = 5;

Result<Json> census_of(Agent& agent, const model::Pair& pair, const std::string& server, bool streamed) {
  system::Command command{.arguments = {"tandem", "compare-files", "--with", server}, .time_limit = census_limit};
  if (!streamed) command.arguments.emplace_back(no_stream_word);
  for (auto& word : replication::census_words(pair))
    command.arguments.push_back(std::move(word));
  TANDEM_TRY(const auto outcome, run_checked(agent.ports().processes, command));
  auto said = Json::parse(outcome.output, nullptr, false);
  if (!said.is_object() || !said.value("names", Json()).is_number_unsigned() ||
      !said.value("unlike", Json()).is_number_unsigned() || !said.value("groups", Json()).is_number_unsigned())
    return failed("the comparison of files said nothing that is understood");
  return said;
}

using Difference = replication::Census::Difference;

// invalid: no word of the program's.
Result<Difference> difference_of(const Json& said, const model::Pair& pair) {
  const auto root = said.value("root", std::size_t{0});
  const auto path = bytes_of_hex(said.value("path_hex", "?"));
  if (!path || root >= pair.files.replicate.size())
    return fail(ErrorKind::invalid, "the comparison of files said nothing that is understood");
  return Difference{.place = {static_cast<std::uint16_t>(root), *path},
                    .missing = said.value("missing", false),
                    .extra = said.value("extra", false)};
}

// What the stream carries and needs to remove nothing for; nothing: something else is among it, or not all is known.
Result<std::optional<std::vector<Difference>>> sendable(const Json& said, const model::Pair& pair) {
  const auto listed = said.find("differences");
  if (listed == said.end() || !listed->is_array()) return std::nullopt;
  std::vector<replication::Patterns> left_out;
  for (const auto& root : pair.files.replicate)
    left_out.push_back(replication::stream_patterns(pair, root));
  std::vector<Difference> differences;
  for (const auto& one : *listed) {
    TANDEM_TRY(auto difference, difference_of(one, pair));
    const auto& [place, missing, extra] = difference;
    const auto& patterns = left_out.at(place.root);
    if (extra || patterns.leave_out(place.path, false) || patterns.leave_out(place.path, true)) return std::nullopt;
    differences.push_back(std::move(difference));
  }
  return differences;
}

std::string what_differs(const Json& said, const model::Pair& pair,
                         const std::optional<std::vector<Difference>>& sent) {
  std::vector<std::string> some;
  for (const auto& [place, missing, extra] : sent.value_or(std::vector<Difference>()))
    some.push_back(pair.files.replicate.at(place.root) + (place.path.empty() ? "" : "/") + place.path);
  if (sent && sent->empty()) return "what differs changes all the time";
  const auto all = sent ? some.size() : said["unlike"].get<std::size_t>();
  if (!sent) some = said.value("places", std::vector<std::string>());
  if (some.size() > most_places_told) some.resize(most_places_told);
  if (all == 0) return "other names belong to one file";
  return fmt::format("{} {} ({}{})", all, sent ? "differ" : "folders are not alike", join(some, ", "),
                     all > some.size() ? ", …" : "");
}

Result<FilesCensus> census(Agent& agent, const model::Pair& pair, const std::string& server, bool streamed,
                           const replication::Progress& progress) {
  TANDEM_TRY(const auto said, census_of(agent, pair, server, streamed));
  FilesCensus found{.names = said["names"].get<std::uint64_t>(), .alike = said["unlike"] == 0U && said["groups"] == 0U};
  if (!found.alike) {
    TANDEM_TRY(found.sendable, sendable(said, pair));
  }
  progress(fmt::format("{} names compared, {}", found.names,
                       found.alike ? "nothing differs" : what_differs(said, pair, found.sendable)));
  return found;
}

} // namespace

std::optional<FilesCensus> take_files_census(Agent& agent, const model::Pair& pair, const std::string& server,
                                             bool streamed, const replication::Progress& progress) {
  auto found = census(agent, pair, server, streamed, progress);
  if (!found) progress("no quick comparison: " + found.error().message);
  return found ? std::optional(std::move(*found)) : std::nullopt;
}

Result<system::Command> accept_census(Agent& agent, const std::string& server, const Json& params) {
  TANDEM_TRY(auto words, peer::texts_member(params, "arguments"));
  if (!words.empty() && words[0] == no_stream_word) words.erase(words.begin());
  const auto state = agent.state();
  if (state.standing.primary != server || state.server == server)
    return fail(ErrorKind::refused, fmt::format("{} is not the primary that {} knows", server, state.server));
  if (!state.pair) return fail(ErrorKind::unavailable, "tandem.toml cannot be read on " + state.server);
  // What only this server has is kept, which takes rsync.
  if (!diverged_files_folder(agent).empty())
    return fail(ErrorKind::unavailable, "the files of " + state.server + " have not been compared in this epoch");
  // Roots are numbers in the messages, and what one side leaves out the other must.
  if (words != replication::census_words(*state.pair))
    return fail(ErrorKind::unavailable, state.server + " has another [files] in its tandem.toml");
  system::Command command{.arguments = {"tandem", "compare-files"}};
  command.arguments.insert(command.arguments.end(), words.begin(), words.end());
  return command;
}

} // namespace tandem::agent
