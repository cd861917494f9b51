#include "agent/taking_over.hpp"

#include "agent/agent.hpp"
#include "agent/give_back_mark.hpp"
#include "agent/giving_back.hpp"
#include "agent/operations/replication.hpp"
#include "base/text.hpp"
#include "model/places.hpp"
#include "sites/by_hand.hpp"
#include "sites/serving.hpp"

namespace tandem::agent {

Result<model::ByHand> read_by_hand(system::Files& files, const std::string& configuration_file) {
  const auto path = configuration_file.substr(0, configuration_file.rfind('/') + 1) + model::by_hand_file;
  const auto text = files.read(path);
  if (!text && text.error().kind == ErrorKind::not_found) return model::ByHand{};
  if (!text) return std::unexpected(text.error());
  auto by_hand = sites::by_hand_from(*text);
  if (!by_hand) return std::unexpected(std::move(by_hand).error().within(path));
  return by_hand;
}

Result<bool> TakingOver::begin() {
  auto& files = context_.ports().files;
  const sites::Tools tools{.ports = context_.ports(),
                           .applications = applications_,
                           .layout = {.state = context_.agent().settings().state_folder}};
  GiveBackMark mark(files, tools.layout.state);
  if (!input_.by_hand.sites.empty()) TANDEM_CHECK(mark.note_role(input_.self == input_.primary));
  bool serves = false;
  for (const auto& site : input_.pair.sites) {
    const auto* known = input_.by_hand.site(site.domain);
    if (known == nullptr || known->socket.empty()) continue;
    TANDEM_TRY(const auto status, files.status(tools.layout.site_link(site.domain)));
    if (!status || status->type != system::FileType::folder) continue;
    tell_(site.domain + " goes on as it was set up by hand, until it is deployed");
    TANDEM_CHECK(sites::SiteByHand(tools, site.domain).take(site, *known));
    if (input_.self != input_.primary) continue;
    TANDEM_CHECK(take_certificate(*known));
    TANDEM_CHECK(sites::Serving(tools).serve_current(site, tell_));
    serves = true;
  }
  // Only now: until here it may have been refused.
  TANDEM_CHECK(sites::comment_out(files, input_.by_hand.cron));
  if (!input_.by_hand.sites.empty() && input_.self != input_.primary) TANDEM_CHECK(free_upstream());
  return serves;
}

// Until tandem's own one by ACME is there. Where none is asked for, an apply would put one of the pair's in its place.
Result<void> TakingOver::take_certificate(const model::SiteByHand& site) {
  auto& files = context_.ports().files;
  const auto path = model::certificate_path(site.domain);
  if (input_.pair.certificates.acme.empty() || site.certificate.empty() || site.key.empty()) return {};
  TANDEM_TRY(const auto there, files.status(path));
  if (there) return {};
  const auto certificate = files.read(site.certificate);
  const auto key = files.read(site.key);
  if (!certificate || !key) {
    tell_(fmt::format("{} cannot be read: until ACME has brought one visitors of {} get one that they do not know",
                      certificate ? site.key : site.certificate, site.domain));
    return {};
  }
  for (const auto& folder : {std::string("/etc/tandem"), path.substr(0, path.rfind('/'))})
    TANDEM_CHECK(files.make_folder(folder, 0755, {}));
  tell_(site.domain + " keeps the certificate of " + site.certificate + " until ACME has brought one");
  return files.write(path, *key + (key->ends_with('\n') ? "" : "\n") + *certificate, 0600, {});
}

// pg_basebackup -R writes where a standby takes its WAL from into a file that is read last. What it said is kept.
Result<void> TakingOver::free_upstream() {
  auto& ports = context_.ports();
  TANDEM_TRY(const auto tools, database_tools(context_.agent(), input_.self, {}));
  const auto path = tools.layout.data + "/postgresql.auto.conf";
  const auto text = ports.files.read(path);
  if (!text && text.error().kind == ErrorKind::not_found) return {};
  TANDEM_CHECK(text);
  const auto names = {"primary_conninfo", "primary_slot_name"};
  const auto lines = lines_of(*text);
  const bool has = std::ranges::any_of(lines, [&](const std::string& line) {
    return std::ranges::any_of(names, [&](std::string_view name) { return line.starts_with(name); });
  });
  const auto& state = context_.agent().settings().state_folder;
  const auto kept = state + "/kept/" + kept_upstream;
  TANDEM_TRY(const auto role, GiveBackMark(ports.files, state).role_by_hand());
  TANDEM_TRY(const auto there, ports.files.status(kept));
  if (!there && role == "standby") {
    TANDEM_CHECK(ports.files.make_folder(state + "/kept", 0700, {}));
    TANDEM_CHECK(ports.files.write(kept, *text, 0600, {}));
    tell_("kept the old " + path + " as " + kept);
  }
  if (!has) return {};
  // As PostgreSQL's own user: root may not log in before tandem's own pg_hba.conf is there.
  TANDEM_CHECK(system::run_checked(ports.processes, {.arguments = {"runuser", "-u", "postgres", "--", "psql", "-XAtq",
                                                                   "-c", "ALTER SYSTEM RESET primary_conninfo", "-c",
                                                                   "ALTER SYSTEM RESET primary_slot_name", "postgres"},
                                                     .folder = "/",
                                                     .time_limit = std::chrono::seconds(30)}));
  return {};
}

} // namespace tandem::agent
