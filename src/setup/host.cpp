#include "setup/subjects.hpp"

namespace tandem::setup {

void add_host(Resources& out, const View& view) {
  const auto& zone = view.pair.host.timezone;
  const std::string why = "[host] timezone";
  out.push_back({.kind = converge::Link{.path = "/etc/localtime", .target = "/usr/share/zoneinfo/" + zone},
                 .why = why,
                 .after = {"packages"}});
  // The file has no comments: the C library's users read it as one name.
  out.push_back(
      {.kind = converge::File{.path = "/etc/timezone", .content = zone + "\n"}, .why = why, .after = {"packages"}});
}

} // namespace tandem::setup
