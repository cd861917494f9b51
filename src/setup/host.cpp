#include "base/text.hpp"
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

// timesyncd.conf(5). Not told to run: in a container, which has its machine's clock, it does not.
void add_clock(Resources& out, const View& view) {
  if (view.pair.host.time_servers.empty()) return;
  const std::string unit = "systemd-timesyncd.service";
  const std::string why = "[host] time_servers";
  const std::string folder = "/etc/systemd/timesyncd.conf.d";
  out.push_back({.kind = converge::Folder{.path = folder}, .why = why, .after = {"packages"}});
  out.push_back(
      {.kind = converge::File{.path = folder + "/tandem.conf",
                              .content = header() + "[Time]\nNTP=" + join(view.pair.host.time_servers, " ") + "\n"},
       .why = why,
       .reactions = {{converge::ReactionKind::restart, unit}}});
  out.push_back({.kind = converge::Unit{.name = unit, .enabled = true, .running = {}}, .why = why});
}

} // namespace

void add_host(Resources& out, const View& view) {
  const auto& zone = view.pair.host.timezone;
  const std::string why = "[host] timezone";
  out.push_back({.kind = converge::Link{.path = "/etc/localtime", .target = "/usr/share/zoneinfo/" + zone},
                 .why = why,
                 .after = {"packages"}});
  // The file has no comments: the C library's users read it as one name.
  out.push_back(
      {.kind = converge::File{.path = "/etc/timezone", .content = zone + "\n"}, .why = why, .after = {"packages"}});
  add_clock(out, view);
}

} // namespace tandem::setup
