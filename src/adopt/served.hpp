// What nginx serves on a server that was set up by hand. Pure.
#pragma once
#include "adopt/draft.hpp"
#include "adopt/nginx_file.hpp"

namespace tandem::adopt {

// A server block.
struct ServerBlock {
  std::string file;
  Directive directive;
  std::vector<std::string> names;
  std::vector<std::string> sockets; // of the applications that it passes requests to
  std::string redirects_to;         // host of its redirect; "": it has none, or to the name that was asked for

  [[nodiscard]] bool has_tls() const;
};

// Files that nginx would not read either, and directives outside of servers, become remarks.
[[nodiscard]] std::vector<ServerBlock> find_servers(Draft& draft, const Found& found);
// Those of its blocks that belong to the site: aliases, folders that nginx serves, limits.
void draft_serving(Draft& draft, const Found& found, const std::vector<const ServerBlock*>& blocks,
                   const std::string& folder, model::Site& site);

} // namespace tandem::adopt
