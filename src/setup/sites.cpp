#include "setup/subjects.hpp"

namespace tandem::setup {

void add_sites(Resources& out, const View& view) {
  if (view.pair.sites.empty()) return;
  // Only releases run, each in a unit of its own that the agent starts.
  out.push_back({.kind = converge::File{.path = "/etc/systemd/system/tandem-site@.service", .content = view.site_unit},
                 .why = "the sites' applications",
                 .reactions = {{converge::ReactionKind::reload_manager, ""}},
                 .after = {"packages"}});
}

} // namespace tandem::setup
