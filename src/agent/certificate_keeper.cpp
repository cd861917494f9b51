#include "agent/certificate_keeper.hpp"

#include "agent/times.hpp"
#include "base/text.hpp"
#include "model/places.hpp"
#include "model/ports.hpp"
#include "peer/certificate_details.hpp"
#include "system/pause.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using std::chrono::milliseconds;

constexpr auto certificate_tick = std::chrono::seconds(5);
constexpr std::uint64_t looks_between_all = 6; // looks at what is served, and at what the others hold

constexpr milliseconds served_patience{1000};
constexpr std::chrono::seconds between_two{30}; // whatever the certificates say of themselves
constexpr std::chrono::seconds peer_patience{5};
constexpr std::chrono::minutes turn_patience{5}; // of a person, while the keeper gets or hands out
constexpr std::chrono::seconds reload_patience{10};

std::set<std::string> names_of(const model::Site& site) {
  std::set<std::string> names(site.aliases.begin(), site.aliases.end());
  names.insert(site.domain);
  return names;
}

replication::Certbot certbot_of(Agent& agent) {
  return {agent.ports().files, agent.ports().processes, agent.settings().state_folder + "/certbot"};
}

// Facts of a PEM text; an error when it is no certificate.
Result<std::pair<replication::HeldCertificate, peer::CertificateDetails>> facts_of(Agent& agent,
                                                                                   const std::string& pem) {
  TANDEM_TRY(const auto details, peer::certificate_details(pem));
  TANDEM_TRY(const auto authority, agent.ports().files.read(agent.identity_path("ca.pem")));
  TANDEM_TRY(const bool own, peer::is_signed_by(pem, authority));
  return std::pair{replication::HeldCertificate{.names = {details.names.begin(), details.names.end()},
                                                .not_before = details.not_before,
                                                .not_after = details.not_after,
                                                .temporary = own},
                   details};
}

} // namespace

void CertificateKeeper::start(Agent& agent, DutyKeeper& duties) {
  recurring_ = Recurring::start(
      agent, certificate_tick, weak_from_this(), [&duties] { return duties.role().known(); },
      [this, &agent, &duties] { work(agent, duties, looks_++ % looks_between_all == 0); });
}

// Nothing is got while the primary changes or an apply is at work: nginx is told to read its files anew then.
void CertificateKeeper::work(Agent& agent, DutyKeeper& duties, bool all) {
  const auto now = snapshot_of(agent);
  if (!now.pair) return;
  bool other_served = false; // nginx may only need a moment for what it was handed
  bool may = false;
  agent.on_loop([&] {
    for (const auto& [domain, entry] : entries_)
      other_served =
          other_served || (!entry.served.empty() && !entry.fingerprint.empty() && entry.served != entry.fingerprint);
  });
  look(agent, *now.pair, all || other_served);
  if (other_served) reload_nginx(agent); // two looks after each other
  agent.on_loop([&] {
    may = duties.part() == DutyKeeper::Part::primary && !duties.runs().is_open() && agent.on_duty() &&
          agent.changing() == 0;
  });
  if (!may || now.pair->certificates.acme.empty()) return;
  const std::unique_lock held(work_, std::try_to_lock);
  if (!held.owns_lock()) return;
  bool got = false;
  for (const auto& site : now.pair->sites) {
    if (agent.ending() || !is_due(agent, *now.pair, site)) continue;
    note(agent, site.domain, get(agent, *now.pair, site, false));
    got = true;
  }
  if (got) look(agent, *now.pair, true);
  if (got || all) hand_out(agent, *now.pair);
}

bool CertificateKeeper::is_due(Agent& agent, const model::Pair& pair, const model::Site& site) {
  Entry entry;
  agent.on_loop([&] { entry = entries_[site.domain]; });
  if (!entry.readable || (entry.next && agent.ports().clock.boot_time() < *entry.next)) return false;
  return replication::why_due(entry.held, names_of(site), pair.certificates.renew_before,
                              agent.ports().clock.wall_time())
      .has_value();
}

// What certbot had got before something came between is of use all the same.
Result<void> CertificateKeeper::get(Agent& agent, const model::Pair& pair, const model::Site& site, bool anew) {
  const auto certbot = certbot_of(agent);
  TANDEM_CHECK(agent.ports().files.read(agent.identity_path("ca.pem"))); // else nothing could be told of what is got
  const auto why_not = [&](const std::string& pem) -> std::optional<std::string> {
    const auto facts = facts_of(agent, pem);
    if (!facts) return facts.error().message;
    return replication::why_due(facts->first, names_of(site), pair.certificates.renew_before,
                                agent.ports().clock.wall_time());
  };
  TANDEM_TRY(auto pem, replication::obtained_certificate(certbot, site.domain));
  if (anew || !pem || why_not(*pem)) {
    agent.log(fmt::format("getting a certificate for {} from {}", site.domain, pair.certificates.acme));
    TANDEM_CHECK(replication::obtain_certificate(certbot, {.domain = site.domain,
                                                           .names = names_of(site),
                                                           .directory = pair.certificates.acme,
                                                           .mail = pair.admin_mail,
                                                           .own_bundle = pair.certificates.ca_bundle.has_value()}));
    TANDEM_TRY(pem, replication::obtained_certificate(certbot, site.domain));
  }
  if (!pem) return failed("certbot says that it has got a certificate, and there is none");
  TANDEM_CHECK(install(agent, site.domain, *pem));
  // One that is due at once would be got again and again.
  if (const auto still = why_not(*pem)) return failed("the new one is due as soon as it is there: " + *still);
  return {};
}

Result<void> CertificateKeeper::install(Agent& agent, const std::string& domain, const std::string& pem) {
  TANDEM_CHECK(peer::check_key(pem));
  TANDEM_TRY(const auto facts, facts_of(agent, pem));
  if (!facts.first.names.contains(domain)) return fail(ErrorKind::refused, "the certificate is not for " + domain);
  std::string runbook;
  agent.on_loop([&] { runbook = agent.runbook(); });
  if (!runbook.empty()) return fail(ErrorKind::unavailable, "the primary is being changed", "Try again later");
  TANDEM_CHECK(agent.ports().files.write(model::certificate_path(domain), pem, 0600, {}));
  TANDEM_TRY(const auto nginx, agent.ports().services.status("nginx.service"));
  const bool runs = nginx.active == "active" || nginx.active == "activating" || nginx.active == "reloading";
  return runs ? agent.ports().services.reload("nginx.service") : Result<void>();
}

// What lies on the disk and is not served was written by an agent that came no further, or nginx did not hear of it.
// Where none lies there yet nginx is not led to it either: what it serves then is somebody else's.
void CertificateKeeper::reload_nginx(Agent& agent) {
  bool other_served = false;
  bool may = false;
  agent.on_loop([&] {
    for (const auto& [domain, entry] : entries_)
      other_served =
          other_served || (!entry.served.empty() && !entry.fingerprint.empty() && entry.served != entry.fingerprint);
    may = agent.runbook().empty() && agent.changing() == 0;
  });
  if (!other_served || !may) return;
  agent.log("nginx serves another certificate than the one on the disk: it is to read it anew");
  if (const auto done = agent.ports().services.reload("nginx.service"); !done) agent.log(describe(done.error()));
}

void CertificateKeeper::note(Agent& agent, const std::string& domain, const Result<void>& got) {
  if (!got) agent.log(fmt::format("the certificate of {}: {}", domain, describe(got.error())));
  if (!got && got.error().kind == ErrorKind::unavailable) return; // something here came between
  agent.on_loop([&] {
    auto& entry = entries_[domain];
    entry.failures = got ? 0 : entry.failures + 1;
    entry.problem = got ? std::string() : got.error().message;
    entry.next = agent.ports().clock.boot_time() + (got ? between_two : replication::wait_after(entry.failures));
  });
}

void CertificateKeeper::hand_out(Agent& agent, const model::Pair& pair) {
  const auto now = snapshot_of(agent);
  const auto own = fingerprints(agent);
  for (const auto& peer : now.peers) {
    if (!peer.connected) continue;
    const auto theirs =
        ask_server(agent, peer.name, "certificates.held", Json::object(), {.time_limit = peer_patience});
    if (!theirs) continue; // it is asked again, and status says that it does not answer
    for (const auto& site : pair.sites) {
      const auto entry = read(agent, site.domain);
      if (!entry.held || entry.held->temporary || theirs->value(site.domain, "") == entry.fingerprint) continue;
      const auto pem = agent.ports().files.read(model::certificate_path(site.domain));
      if (!pem) continue;
      const auto put = ask_server(agent, peer.name, "certificates.put", {{"domain", site.domain}, {"pem", *pem}},
                                  {.time_limit = peer_patience});
      agent.log(fmt::format("the certificate of {} to {}: {}", site.domain, peer.name,
                            put ? "it has it" : put.error().message));
    }
  }
}

CertificateKeeper::Entry CertificateKeeper::read(Agent& agent, const std::string& domain) const {
  Entry entry;
  const auto there = agent.ports().files.status(model::certificate_path(domain));
  const auto pem = agent.ports().files.read(model::certificate_path(domain));
  entry.readable = there && (!*there || pem) && agent.ports().files.read(agent.identity_path("ca.pem")).has_value();
  if (!pem) return entry;
  const auto facts = facts_of(agent, *pem);
  if (!facts) return entry;
  entry.held = facts->first;
  entry.issuer = facts->second.issuer;
  entry.fingerprint = facts->second.fingerprint;
  return entry;
}

void CertificateKeeper::look(Agent& agent, const model::Pair& pair, bool served) {
  std::map<std::string, Entry> found;
  for (const auto& site : pair.sites) {
    auto entry = read(agent, site.domain);
    if (served)
      entry.served = peer::served_fingerprint("127.0.0.1", model::https_port, site.domain, served_patience)
                         .value_or(std::string());
    found[site.domain] = std::move(entry);
  }
  agent.on_loop([&] {
    for (auto& [domain, entry] : found) {
      const auto known = entries_.find(domain);
      if (known == entries_.end()) continue;
      if (!served) entry.served = known->second.served;
      entry.problem = known->second.problem;
      entry.failures = known->second.failures;
      entry.next = known->second.next;
    }
    entries_ = std::move(found);
  });
}

Json CertificateKeeper::fingerprints(Agent& agent) {
  Json known = Json::object();
  const auto now = snapshot_of(agent);
  if (!now.pair) return known;
  for (const auto& site : now.pair->sites)
    known[site.domain] = read(agent, site.domain).fingerprint;
  return known;
}

Result<void> CertificateKeeper::take(Agent& agent, const std::string& from, const std::string& domain,
                                     const std::string& pem) {
  const auto now = snapshot_of(agent);
  if (from != now.standing.primary || from == now.server)
    return fail(ErrorKind::refused, from + " is not the primary, which alone hands out certificates");
  if (!now.pair || std::ranges::find(now.pair->sites, domain, &model::Site::domain) == now.pair->sites.end())
    return fail(ErrorKind::refused, "tandem.toml on " + now.server + " has no site " + domain, "tandem apply");
  TANDEM_CHECK(install(agent, domain, pem));
  look(agent, *now.pair, true);
  return {};
}

Result<CertificateKeeper::Lock> CertificateKeeper::turn(const OperationContext& context) {
  Lock held(work_, std::try_to_lock);
  if (held.owns_lock()) return held;
  context.report("waiting for what the agent itself gets or hands out");
  auto& clock = context.ports().clock;
  const auto end = clock.boot_time() + turn_patience;
  while (!held.try_lock_for(milliseconds(200))) {
    if (context.cancelled()) return fail(ErrorKind::unavailable, "ended here");
    if (clock.boot_time() >= end)
      return fail(ErrorKind::unavailable, "a certificate is being got already", "Try again in a moment");
  }
  return held;
}

// nginx takes a new one up by and by: its reload ends before its workers have changed.
bool CertificateKeeper::comes_to_be_served(const OperationContext& context, const std::string& domain) const {
  const auto there = read(context.agent(), domain).fingerprint;
  auto& clock = context.ports().clock;
  const auto end = clock.boot_time() + reload_patience;
  while (true) {
    const auto served = peer::served_fingerprint("127.0.0.1", model::https_port, domain, served_patience);
    if (served && *served == there) return true;
    if (context.cancelled() || clock.boot_time() >= end) return false;
    system::pause_thread(milliseconds(50));
  }
}

Result<Json> CertificateKeeper::renew(OperationContext& context, const std::string& domain) {
  auto& agent = context.agent();
  const auto now = context.snapshot();
  if (now.standing.primary != now.server)
    return fail(ErrorKind::refused, now.server + " is not the primary, which alone gets certificates",
                now.standing.primary.empty() ? "tandem status" : "Run the same command on " + now.standing.primary);
  TANDEM_TRY(const auto pair, context.load_pair());
  if (pair->certificates.acme.empty())
    return fail(ErrorKind::refused, "tandem.toml names no ACME server", "[certificates] acme, then: tandem apply");
  TANDEM_TRY(const auto held, turn(context));
  Json sites = Json::array();
  std::vector<std::string> failed_ones;
  for (const auto& site : pair->sites) {
    if (!domain.empty() && site.domain != domain) continue;
    if (context.cancelled()) return fail(ErrorKind::unavailable, "ended here");
    context.report("getting a certificate for " + site.domain);
    const auto got = get(agent, *pair, site, true);
    note(agent, site.domain, got);
    if (got)
      sites.push_back({{"domain", site.domain}, {"served", comes_to_be_served(context, site.domain)}});
    else
      failed_ones.push_back(site.domain + ": " + describe(got.error()));
  }
  if (sites.empty() && failed_ones.empty())
    return fail(ErrorKind::not_found, "tandem.toml has no site " + domain, "tandem certificates lists them");
  look(agent, *pair, true);
  hand_out(agent, *pair);
  if (!failed_ones.empty()) return failed(join(failed_ones, "\n"));
  return Json{{"sites", std::move(sites)}};
}

void CertificateKeeper::add_status(const OperationContext& context, Json& status) {
  auto& agent = context.agent();
  std::map<std::string, Entry> entries;
  agent.on_loop([&] { entries = entries_; });
  const auto now = context.snapshot();
  if (!now.pair || entries.empty()) return;
  const auto& settings = now.pair->certificates;
  const auto tell = [&](const std::string& domain, const std::string& what) {
    status["problems"].push_back(fmt::format("the certificate of {}: {}", domain, what));
  };
  status["certificates"] = Json::array();
  for (const auto& [domain, entry] : entries) {
    Json told{{"domain", domain}};
    if (entry.held) {
      told["issuer"] = entry.issuer;
      told["temporary"] = entry.held->temporary;
      told["until"] = utc_text(std::chrono::floor<std::chrono::seconds>(entry.held->not_after));
      told["renewed_from"] = utc_text(
          std::chrono::floor<std::chrono::seconds>(replication::renewal_time(*entry.held, settings.renew_before)));
      told["fingerprint"] = entry.fingerprint;
      told["served"] = entry.served == entry.fingerprint;
      const auto left = entry.held->not_after - agent.ports().clock.wall_time();
      if (replication::ends_soon(*entry.held, now.pair->alerts.certificate, agent.ports().clock.wall_time()))
        tell(domain, fmt::format("it ends in {} h", std::chrono::duration_cast<std::chrono::hours>(left).count()));
      if (!entry.served.empty() && entry.served != entry.fingerprint) tell(domain, "nginx serves another one");
      if (!settings.acme.empty() && entry.held->temporary) tell(domain, "it is the pair's own, which no browser knows");
    }
    // A former primary's is the new one's business.
    if (!entry.problem.empty() && now.standing.primary == now.server) tell(domain, entry.problem);
    status["certificates"].push_back(std::move(told));
  }
}

} // namespace tandem::agent
