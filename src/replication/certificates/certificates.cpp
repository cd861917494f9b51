#include "replication/certificates/certificates.hpp"

#include "base/text.hpp"
#include "model/places.hpp"

namespace tandem::replication {

namespace {

// Its validations and its waiting for the ACME server's order are bounded by certbot itself (90 s).
constexpr std::chrono::minutes certbot_limit{5};

// The lines in which certbot says what an ACME server had against it.
std::string said_by_certbot(const std::string& output) {
  std::vector<std::string> telling;
  const auto lines = lines_of(output);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (const auto* begin : {"  Detail:", "  Domain:", "  Type:", "Error ", "urn:ietf"})
      if (lines[i].starts_with(begin)) telling.emplace_back(trim(lines[i]));
    if (lines[i].starts_with("An unexpected error occurred") && i + 1 < lines.size()) // what it was stands below
      telling.emplace_back(trim(lines[i + 1]));
  }
  if (telling.empty() && !lines.empty()) telling.emplace_back(trim(lines.back()));
  return join(telling, "; ");
}

} // namespace

WallTime renewal_time(const HeldCertificate& held, const std::optional<model::Seconds>& renew_before) {
  const auto lifetime = held.not_after - held.not_before;
  if (!renew_before) return held.not_after - lifetime / 3;
  return held.not_after - std::min(WallTime::duration(*renew_before), lifetime / 2);
}

std::optional<std::string> why_due(const std::optional<HeldCertificate>& held, const std::set<std::string>& wanted,
                                   const std::optional<model::Seconds>& renew_before, WallTime now) {
  if (!held) return "there is none";
  if (held->temporary) return "the one that is there is the pair's own";
  for (const auto& name : wanted)
    if (!held->names.contains(name)) return name + " is not among its names";
  if (held->names.size() > wanted.size()) return "it has names that the site has no more";
  if (now >= held->not_after) return "it has expired";
  if (now >= renewal_time(*held, renew_before)) return "it is to be renewed";
  return std::nullopt;
}

bool ends_soon(const HeldCertificate& held, const std::optional<model::Seconds>& limit, WallTime now) {
  const auto fifth = (held.not_after - held.not_before) / 5;
  return held.not_after - now < (limit ? WallTime::duration(*limit) : fifth);
}

std::chrono::seconds wait_after(int failures) {
  using std::chrono::minutes;
  constexpr std::array<std::chrono::seconds, 5> waits{minutes(1), minutes(10), minutes(30), minutes(120), minutes(360)};
  return waits[static_cast<std::size_t>(std::clamp(failures - 1, 0, static_cast<int>(waits.size()) - 1))];
}

// certbot(1). --force-renewal: whether it is due is decided here.
system::Command certbot_command(const Certbot& certbot, const CertificateOrder& order) {
  system::Command command{.arguments = {"certbot",
                                        "certonly",
                                        "--non-interactive",
                                        "--agree-tos",
                                        "--no-eff-email",
                                        "--force-renewal",
                                        "--webroot",
                                        "--webroot-path",
                                        model::challenge_folder,
                                        "--cert-name",
                                        order.domain,
                                        "--renew-with-new-domains",
                                        "--key-type",
                                        "ecdsa",
                                        "--server",
                                        order.directory,
                                        "--config-dir",
                                        certbot.folder + "/config",
                                        "--work-dir",
                                        certbot.folder + "/work",
                                        "--logs-dir",
                                        certbot.folder + "/logs"},
                          .time_limit = certbot_limit};
  if (order.mail.empty())
    command.arguments.emplace_back("--register-unsafely-without-email");
  else
    command.arguments.insert(command.arguments.end(), {"--email", order.mail});
  command.arguments.insert(command.arguments.end(), {"--domain", order.domain}); // the first is the common name
  for (const auto& name : order.names)
    if (name != order.domain) command.arguments.insert(command.arguments.end(), {"--domain", name});
  if (order.own_bundle) command.environment["REQUESTS_CA_BUNDLE"] = model::acme_bundle;
  return command;
}

Result<void> obtain_certificate(const Certbot& certbot, const CertificateOrder& order) {
  TANDEM_CHECK(certbot.files.make_folder(certbot.folder, 0700, {}));
  TANDEM_TRY(const auto outcome, certbot.processes.run(certbot_command(certbot, order)));
  if (outcome.ok()) return {};
  const auto said = outcome.timed_out ? "it did not end within five minutes"
                                      : said_by_certbot(outcome.output + "\n" + outcome.errors);
  return failed("certbot: " + said, "The whole story: " + certbot.folder + "/logs/letsencrypt.log");
}

Result<std::optional<std::string>> obtained_certificate(const Certbot& certbot, const std::string& domain) {
  const auto live = certbot.folder + "/config/live/" + domain;
  TANDEM_TRY(const auto there, certbot.files.status(live + "/fullchain.pem"));
  if (!there) return std::nullopt;
  TANDEM_TRY(const auto key, certbot.files.read(live + "/privkey.pem"));
  TANDEM_TRY(const auto chain, certbot.files.read(live + "/fullchain.pem"));
  return key + chain;
}

} // namespace tandem::replication
