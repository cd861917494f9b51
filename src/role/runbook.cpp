#include "role/runbook.hpp"

#include "base/text.hpp"
#include "role/failover.hpp"
#include "role/switchover.hpp"

namespace tandem::role {

namespace {

std::string indented(std::string_view text, const Opening& opening) {
  std::string lines;
  for (const auto& line : lines_of(filled(text, opening)))
    lines += "       " + line + "\n";
  return lines;
}

std::string grant_line(const Runbook& runbook, const Opening& opening) {
  for (std::size_t i = 0; i < runbook.steps.size(); ++i) {
    if (runbook.steps[i].side != Side::grant) continue;
    return fmt::format("Until step {} all can be undone{}; from then on {} is the primary.\n", i + 1,
                       opening.leader == opening.from ? " and " + opening.from + " serves on" : "", opening.to);
  }
  return {};
}

std::string heading(std::size_t number, const Step& step, const Opening& opening) {
  return fmt::format("{:>3}. on {}: {}\n", number, server_of(step, opening), filled(step.title, opening));
}

} // namespace

const Runbook* find_runbook(std::string_view name) {
  for (const auto* runbook : {&switchover(), &failover()})
    if (runbook->name == name) return runbook;
  return nullptr;
}

const Step* Runbook::step(std::string_view id) const {
  for (const auto& step : steps)
    if (step.id == id) return &step;
  return nullptr;
}

const std::string& server_of(const Step& step, const Opening& opening) {
  if (step.place == Place::old_primary) return opening.from;
  if (step.place == Place::new_primary) return opening.to;
  return step.side == Side::after ? opening.to : opening.leader;
}

std::string filled(std::string_view text, const Opening& opening) {
  auto parameters = opening.parameters;
  parameters["old"] = opening.from;
  parameters["new"] = opening.to;
  parameters["epoch"] = std::to_string(opening.epoch);
  parameters["last_epoch"] = std::to_string(opening.epoch - 1);
  std::string result(text);
  for (const auto& [name, value] : parameters)
    result = replace_all(std::move(result), "{" + name + "}", value);
  return result;
}

std::string dry_run(const Runbook& runbook, const Opening& opening) {
  auto text = fmt::format("{} from {} to {}: {}\n{}", runbook.name, opening.from, opening.to,
                          filled(runbook.summary, opening), grant_line(runbook, opening));
  for (std::size_t i = 0; i < runbook.steps.size(); ++i) {
    const auto& step = runbook.steps[i];
    text += heading(i + 1, step, opening) + indented(step.what, opening);
    if (!step.precondition.empty()) text += indented(fmt::format("first: {}", step.precondition), opening);
    if (!step.check.empty()) text += indented(fmt::format("then: {}", step.check), opening);
    if (!step.undo.empty()) text += indented(fmt::format("undo: {}", step.undo), opening);
  }
  return text;
}

std::string typed(const Runbook& runbook, const Opening& opening) {
  auto text =
      fmt::format("# {} from {} to {} by hand, as root; {}.\n# Print it anew after each deploy.\n# {}", runbook.name,
                  opening.from, opening.to, filled(runbook.by_hand, opening), grant_line(runbook, opening));
  for (std::size_t i = 0; i < runbook.steps.size(); ++i) {
    const auto& step = runbook.steps[i];
    text += "\n" + heading(i + 1, step, opening);
    for (const auto& command : step.commands)
      text += indented(command, opening);
    if (!step.check.empty()) text += indented(fmt::format("# until: {}", step.check), opening);
    for (const auto& command : step.undo_commands)
      text += indented(fmt::format("# back: {}", command), opening);
  }
  return text;
}

} // namespace tandem::role
