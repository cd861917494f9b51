#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

// What cron and the like have to say goes to root, and whichever mail server is installed takes it from there.
void add_mail(Resources& out, const View& view) {
  out.push_back({.kind = converge::File{.path = "/root/.forward", .content = view.pair.admin_mail + "\n"},
                 .why = "[pair] admin_mail"});
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
  add_mail(out, view);
}

} // namespace tandem::setup
