#include "setup/subjects.hpp"

namespace tandem::setup {

void add_www(Resources& out, const View& view) {
  out.push_back({.kind = converge::Folder{.path = "/www"}, .why = "the sites"});
  out.push_back({.kind = converge::Folder{.path = "/www/.releases"}, .why = "the sites' releases"});
  for (const auto& site : view.pair.sites)
    out.push_back({.kind = converge::Folder{.path = "/www/.releases/" + site.domain}, .why = "site " + site.domain});
}

} // namespace tandem::setup
