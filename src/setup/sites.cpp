#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

std::string path_of(const std::string& unit) {
  return "/etc/systemd/system/" + unit;
}

// A job's service ends by itself.
bool has_timer(const std::string& service, const std::vector<std::string>& units) {
  const auto timer = service.substr(0, service.rfind('.')) + ".timer";
  return std::ranges::find(units, timer) != units.end();
}

// Work that has left tandem.toml begins no more. All timers first: one whose service vanishes has failed.
void end_former_work(Resources& out, const View& view) {
  const std::string why = "it is not in tandem.toml any more";
  std::vector<std::string> former;
  for (const auto& name : view.work_there)
    if (std::ranges::find(view.work, name, &WorkUnit::name) == view.work.end()) former.push_back(name);
  for (const auto& name : former)
    if (name.ends_with(".timer") || !has_timer(name, former))
      out.push_back(
          {.kind = converge::Unit{.name = name, .running = false, .gently = !name.ends_with(".timer")}, .why = why});
  for (const auto& name : former)
    out.push_back({.kind = converge::Absent{path_of(name)},
                   .why = why,
                   .reactions = {{converge::ReactionKind::reload_manager, ""}}});
}

void add_work(Resources& out, const View& view) {
  end_former_work(out, view);
  for (const auto& unit : view.work) {
    std::vector<converge::Reaction> reactions = {{converge::ReactionKind::reload_manager, ""}};
    if (unit.by_role) reactions.push_back({converge::ReactionKind::restart, unit.name});
    if (unit.works) reactions.push_back({converge::ReactionKind::renew, unit.name});
    out.push_back({.kind = converge::File{.path = path_of(unit.name), .content = unit.text},
                   .why = unit.why,
                   .reactions = std::move(reactions)});
  }
  for (const auto& unit : view.work)
    if (unit.by_role)
      out.push_back(
          {.kind = converge::Unit{.name = unit.name, .enabled = false, .running = view.is_primary()}, .why = unit.why});
}

} // namespace

void add_sites(Resources& out, const View& view) {
  add_work(out, view);
  if (view.pair.sites.empty()) return;
  // Only releases run, each in a unit of its own that the agent starts.
  out.push_back({.kind = converge::File{.path = "/etc/systemd/system/tandem-site@.service", .content = view.site_unit},
                 .why = "the sites' applications",
                 .reactions = {{converge::ReactionKind::reload_manager, ""}},
                 .after = {"packages"}});
}

} // namespace tandem::setup
