// Mail that leaves the server: exim4, on loopback only.
#include "base/text.hpp"
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

constexpr auto* exim_unit = "exim4.service";

// "smarthost HOST[:PORT]" as exim4 has it: each colon twice, before a port as in an address of IPv6.
std::string smarthost_of(const std::string& route) {
  const auto host = std::string(trim(route.substr(std::string("smarthost").size())));
  const auto colon = host.rfind(':');
  const bool has_port = colon != std::string::npos && host.find(':') == colon;
  return has_port ? host.substr(0, colon) + "::" + host.substr(colon + 1) : replace_all(host, ":", "::");
}

// update-exim4.conf(8). Debian's own scripts keep the lines and their order, and change none of these values.
std::string exim_text(const View& view) {
  const auto& route = view.pair.host.mail;
  const bool smart = route.starts_with("smarthost");
  const std::vector<std::pair<std::string, std::string>> values{
      {"dc_eximconfig_configtype", smart ? "smarthost" : route},
      {"dc_other_hostnames", view.self},
      {"dc_local_interfaces", "127.0.0.1 ; ::1"},
      {"dc_readhost", ""},
      {"dc_relay_domains", ""},
      {"dc_minimaldns", "false"},
      {"dc_relay_nets", ""},
      {"dc_smarthost", smart ? smarthost_of(route) : ""},
      {"CFILEMODE", "644"},
      {"dc_use_split_config", "false"},
      {"dc_hide_mailname", ""},
      {"dc_mailname_in_oh", "true"},
      {"dc_localdelivery", "mail_spool"}};
  auto text = header();
  for (const auto& [name, value] : values)
    text += name + "='" + value + "'\n";
  return text;
}

} // namespace

void add_mail(Resources& out, const View& view) {
  // What cron and the like have to say goes to root, and whichever mail server is installed takes it from there.
  out.push_back({.kind = converge::File{.path = "/root/.forward", .content = view.pair.admin_mail + "\n"},
                 .why = "[pair] admin_mail"});
  if (view.pair.host.mail.empty()) return;
  const std::string why = "[host] mail";
  const converge::Reaction restart{converge::ReactionKind::restart, exim_unit};
  out.push_back(
      {.kind = converge::Unit{.name = exim_unit, .enabled = true, .running = true}, .why = why, .after = {"packages"}});
  out.push_back({.kind = converge::File{.path = "/etc/exim4/update-exim4.conf.conf",
                                        .content = exim_text(view),
                                        .check = converge::FileCheck{{"update-exim4.conf"}}},
                 .why = why,
                 .reactions = {restart},
                 .after = {"packages"}});
}

} // namespace tandem::setup
