#include "role/document.hpp"

#include "base/text.hpp"
#include "role/decide.hpp"
#include "role/rules.hpp"

#include <array>

namespace tandem::role {

namespace {

constexpr std::array<Situation, 5> situations = {Situation::waiting, Situation::standby, Situation::serving,
                                                 Situation::granting, Situation::conflict};

std::string names_in(std::uint8_t set) {
  std::vector<std::string> names;
  for (const auto situation : situations)
    if ((set & bit(situation)) != 0) names.emplace_back(name_of(situation));
  return names.size() == situations.size() ? "any" : join(names, ", ");
}

template <class Value>
std::string names_in(std::uint8_t set, unsigned count) {
  std::vector<std::string> names;
  for (unsigned value = 0; value < count; ++value)
    if ((set >> value & 1U) != 0) names.emplace_back(name_of(static_cast<Value>(value)));
  return names.size() == count ? "any" : join(names, "; ");
}

std::string protocol_table() {
  std::string text = "| rule | in | when | to | what is logged |\n| --- | --- | --- | --- | --- |\n";
  for (const auto& row : rules()) {
    text += fmt::format("| {} | {} | {} | {} | {} |\n", row.id, names_in(row.from),
                        row.when.empty() ? "always" : row.when, row.to == 0 ? "" : names_in(row.to), row.sentence);
  }
  return text;
}

std::string decision_table() {
  std::string text = "| rule | the authority says | open runbook | this server is | what is logged | tasks |\n"
                     "| --- | --- | --- | --- | --- | --- |\n";
  for (const auto& row : decisions()) {
    std::vector<std::string> tasks;
    for (const auto task : row.tasks)
      tasks.emplace_back(name_of(task));
    text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", row.id, names_in<Verdict>(row.verdicts, 5),
                        names_in<RunbookNow>(row.runbooks, 7), names_in<ServerNow>(row.servers, 5), row.sentence,
                        join(tasks, ", "));
  }
  return text;
}

} // namespace

std::string diagram() {
  std::string text =
      "stateDiagram-v2\n  [*] --> waiting : boot\n  [*] --> serving : boot beside a serving PostgreSQL\n";
  for (const auto from : situations) {
    for (const auto to : situations) {
      std::vector<std::string> labels;
      for (const auto& row : rules()) {
        const bool leads = (row.from & bit(from)) != 0 && (row.to & bit(to)) != 0;
        if (leads && from != to && row.on != EventKind::boot) labels.emplace_back(row.id);
      }
      if (!labels.empty()) text += fmt::format("  {} --> {} : {}\n", name_of(from), name_of(to), join(labels, ", "));
    }
  }
  return text;
}

std::string roles_document() {
  return "# Roles\n\n"
         "Made from the tables in `src/role/rules.cpp` and `src/role/decide.cpp`; a test compares it. "
         "Do not edit: change the tables, then run the test with `TANDEM_ACCEPT=1`.\n\n"
         "## What a server may be\n\n```mermaid\n" +
         diagram() +
         "```\n\nA server that starts is `waiting` until the others have told it enough. Only a `serving` server "
         "writes.\n\n"
         "## The rules\n\nEvery event matches exactly one row. `{self}` is this server, `{peer}` the other, "
         "`{subject}` the epoch that a grant, refusal or promise is about.\n\n" +
         protocol_table() + "\n## What follows on the server\n\nAsked at boot and after every change.\n\n" +
         decision_table();
}

} // namespace tandem::role
