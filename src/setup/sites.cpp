#include "model/places.hpp"
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

std::string path_of(const std::string& unit) {
  return "/etc/systemd/system/" + unit;
}

// A job's service ends by itself, as an import's does.
bool ends_by_itself(const std::string& service, const std::vector<std::string>& units) {
  if (service.starts_with(model::import_prefix)) return true;
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
    if (name.ends_with(".timer") || !ends_by_itself(name, former))
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

// What is uploaded from now on is taken in: the moment is when the file is made.
void add_imports(Resources& out, const View& view) {
  const auto imports = [](const model::Site& site) { return site.import.has_value(); };
  if (std::ranges::none_of(view.pair.sites, imports)) return;
  const std::string spool = model::import_spool;
  const std::string why = "uploads that sites take in";
  out.push_back({.kind = converge::Folder{.path = spool.substr(0, spool.rfind('/'))}, .why = why});
  out.push_back({.kind = converge::Folder{.path = spool}, .why = why});
  for (const auto& site : view.pair.sites) {
    if (!site.import) continue;
    const auto folder = spool + "/" + site.domain;
    out.push_back({.kind = converge::Folder{folder, 0750, "root", "www-data"}, .why = why});
    out.push_back({.kind = converge::File{.path = folder + "/since"}, .why = why});
  }
}

} // namespace

void add_sites(Resources& out, const View& view) {
  add_work(out, view);
  add_imports(out, view);
  if (view.pair.sites.empty()) return;
  // Only releases run, each in a unit of its own that the agent starts.
  out.push_back({.kind = converge::File{.path = "/etc/systemd/system/tandem-site@.service", .content = view.site_unit},
                 .why = "the sites' applications",
                 .reactions = {{converge::ReactionKind::reload_manager, ""}},
                 .after = {"packages"}});
}

} // namespace tandem::setup
