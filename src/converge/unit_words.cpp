#include "converge/unit_words.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace tandem::converge {

namespace {

constexpr std::size_t most_words = 3;

std::string digits_from(std::string_view text) {
  return std::string(text.substr(0, text.find_first_not_of("0123456789")));
}

std::optional<std::string> who_listens(system::Processes& processes, std::uint16_t port) {
  const auto found = processes.run(
      {.arguments = {"ss", "-Hltnp", fmt::format("sport = :{}", port)}, .time_limit = std::chrono::seconds(10)});
  if (!found || !found->ok()) return std::nullopt;
  for (const auto& line : lines_of(found->output))
    if (auto holder = holder_of(line)) return holder;
  return std::nullopt;
}

// Of its latest start alone, where systemd still knows which that was: an earlier one may have failed for another
// reason.
std::vector<std::string> latest_journal(system::Processes& processes, const std::string& unit) {
  constexpr std::size_t length_of_id = 32;
  constexpr std::chrono::seconds patience{10};
  const auto shown = processes.run(
      {.arguments = {"systemctl", "show", "--property=InvocationID", "--value", unit}, .time_limit = patience});
  const auto id = shown && shown->ok() ? std::string(trim(shown->output)) : std::string();
  const auto of_unit = id.size() == length_of_id ? "_SYSTEMD_INVOCATION_ID=" + id : "--unit=" + unit;
  const auto journal =
      processes.run({.arguments = {"journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=60", of_unit},
                     .time_limit = patience});
  return journal && journal->ok() ? lines_of(journal->output) : std::vector<std::string>();
}

} // namespace

std::vector<std::string> own_words(const std::vector<std::string>& journal, const std::string& unit) {
  std::vector<std::string> words;
  for (auto line = journal.rbegin(); line != journal.rend() && words.size() < most_words; ++line) {
    const bool of_systemd = line->starts_with(unit + ":") || line->starts_with("Failed to start ") ||
                            line->starts_with("Starting ") || line->starts_with("Stopped ");
    if (!of_systemd && !trim(*line).empty() && std::ranges::find(words, *line) == words.end()) words.push_back(*line);
  }
  std::ranges::reverse(words);
  return words;
}

std::optional<std::uint16_t> taken_port(const std::string& line) {
  constexpr std::string_view of_postgres = "already running on port ";
  std::string number;
  if (const auto at = line.find(of_postgres); at != std::string::npos) {
    number = digits_from(std::string_view(line).substr(at + of_postgres.size()));
  } else if (const auto end = line.find(" failed (98:"); end != std::string::npos) {
    const auto colon = line.rfind(':', end);
    if (colon != std::string::npos) number = digits_from(std::string_view(line).substr(colon + 1));
  }
  const auto port = to_number(number);
  if (!port || *port <= 0 || *port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

std::optional<std::string> holder_of(const std::string& line) {
  constexpr std::string_view begin = "users:((\"";
  const auto at = line.find(begin);
  if (at == std::string::npos) return std::nullopt;
  const auto name_end = line.find('"', at + begin.size());
  const auto pid = line.find("pid=", at);
  if (name_end == std::string::npos || pid == std::string::npos) return std::nullopt;
  return fmt::format("{} (process {})", line.substr(at + begin.size(), name_end - at - begin.size()),
                     digits_from(std::string_view(line).substr(pid + 4)));
}

Error with_last_words(system::Processes& processes, const std::string& unit, Error error) {
  if (error.kind == ErrorKind::refused) return error; // it was not tried: what it said is of another time
  const auto journal = latest_journal(processes, unit);
  const auto words = own_words(journal, unit);
  if (words.empty()) return error;
  error.message += "; its last words:\n    " + join(words, "\n    ");
  // The line about the port may be followed by many that only say that nothing came of it.
  for (auto line = journal.rbegin(); line != journal.rend(); ++line) {
    const auto port = taken_port(*line);
    const auto holder = port ? who_listens(processes, *port) : std::nullopt;
    if (!holder) continue;
    error.message += fmt::format("\n    port {} belongs to {}", *port, *holder);
    error.hint = "Stop that program, or let it use another port; then `tandem apply` goes on";
    break;
  }
  return error;
}

} // namespace tandem::converge
