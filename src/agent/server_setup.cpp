#include "agent/server_setup.hpp"

#include "agent/agent.hpp"
#include "agent/give_back_mark.hpp"
#include "agent/halt.hpp"
#include "agent/held_restarts.hpp"
#include "agent/host_keys.hpp"
#include "agent/orders.hpp"
#include "agent/pair_issuer.hpp"
#include "agent/taking_over.hpp"
#include "agent/tenure.hpp"
#include "base/text.hpp"
#include "model/places.hpp"
#include "setup/setup.hpp"
#include "sites/by_hand.hpp"
#include "sites/celery.hpp"
#include "sites/imports.hpp"
#include "sites/jobs.hpp"
#include "sites/layout.hpp"
#include "sites/uwsgi.hpp"
#include "sites/work.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

Result<peer::Authority> authority_of(Agent& agent) {
  TANDEM_TRY(const auto certificate, agent.ports().files.read(agent.identity_path("ca.pem")));
  TANDEM_TRY(const auto key, agent.ports().files.read(agent.identity_path("ca.key")));
  return peer::Authority::load(certificate, key);
}

// Before Debian's sshd is there at all, its port is that of its first start. It looks for its folder in /run, which a
// stopped one lacks.
Result<std::set<std::uint16_t>> ssh_ports(system::Ports& ports) {
  TANDEM_TRY(const auto sshd, ports.files.status("/usr/sbin/sshd"));
  if (!sshd) return std::set<std::uint16_t>{22};
  const auto said = [&](const std::string& command) {
    const auto outcome =
        ports.processes.run({.arguments = {"sh", "-c", command}, .time_limit = std::chrono::seconds(20)});
    return outcome && outcome->ok() ? outcome->output : std::string();
  };
  auto known = setup::ssh_ports_in(said("mkdir -p /run/sshd && exec /usr/sbin/sshd -T"), said("ss -Htlnp | tr -s ' '"));
  if (!known.empty()) return known;
  return fail(ErrorKind::refused, "it is not known on which ports sshd listens, and a firewall would shut it in",
              "sshd -T has to name them; sshd -t says what is wrong with its configuration.");
}

// Only systemd knows what it takes for a calendar time.
Result<void> check_schedule(system::Processes& processes, const model::Job& job, const std::string& why) {
  const auto known = system::run_checked(
      processes, {.arguments = {"systemd-analyze", "calendar", job.schedule}, .time_limit = std::chrono::seconds(20)});
  if (known) return {};
  return fail(ErrorKind::invalid,
              fmt::format("{}: its schedule \"{}\" is no calendar time of systemd", why, job.schedule),
              "man systemd.time, under CALENDAR EVENTS; `systemd-analyze calendar` tries one");
}

void add_celery(std::vector<setup::WorkUnit>& units, const model::Site& site) {
  if (!site.celery) return;
  for (const auto& worker : site.celery->workers)
    units.push_back({.name = sites::worker_unit(site, worker),
                     .text = sites::worker_text({}, site, worker),
                     .why = fmt::format("worker {} of {}", worker.name, site.domain),
                     .works = true});
  if (site.celery->beat)
    units.push_back({.name = sites::beat_unit(site),
                     .text = sites::beat_text({}, site),
                     .why = "the beat of " + site.domain,
                     .works = true});
}

Result<std::vector<setup::WorkUnit>> work_of(system::Processes& processes, const model::Pair& pair) {
  std::vector<setup::WorkUnit> units;
  for (const auto& site : pair.sites) {
    for (const auto& job : site.jobs) {
      const auto why = fmt::format("job {} of {}", job.name, site.domain);
      TANDEM_CHECK(check_schedule(processes, job, why));
      TANDEM_TRY(auto service, sites::job_service_text({}, site, job));
      units.push_back({.name = sites::job_service(site, job), .text = std::move(service), .why = why});
      units.push_back(
          {.name = sites::job_timer(site, job), .text = sites::job_timer_text(site, job), .why = why, .by_role = true});
    }
    add_celery(units, site);
    if (!site.import) continue;
    TANDEM_TRY(auto service, sites::import_service_text({}, site));
    units.push_back({.name = sites::import_service(site.domain),
                     .text = std::move(service),
                     .why = "the import of " + site.domain});
  }
  return units;
}

Result<std::set<std::string>> work_there(system::Files& files) {
  TANDEM_TRY(const auto names, files.list("/etc/systemd/system"));
  std::set<std::string> found;
  for (const auto& name : names)
    if (sites::is_work(name) && (name.ends_with(".service") || name.ends_with(".timer"))) found.insert(name);
  return found;
}

std::vector<std::string> nginx_by_hand(const SetupInput& input) {
  std::vector<std::string> paths;
  for (const auto& site : input.by_hand.sites)
    if (!site.socket.empty()) paths.insert(paths.end(), site.nginx.begin(), site.nginx.end());
  return paths;
}

// What a server is to have: all of it, or what visitors meet first.
using Choose = setup::Resources (*)(const setup::View& view);

Result<std::vector<converge::Resource>> resources(Agent& agent, const SetupInput& input,
                                                  const peer::Authority& authority, Choose choose = setup::resources) {
  TANDEM_TRY(const auto os_release, agent.ports().files.read("/etc/os-release"));
  TANDEM_TRY(const auto release, setup::release_of(os_release));
  if (input.pair.server(input.self) == nullptr)
    return fail(ErrorKind::invalid,
                "this server is called " + input.self + ", and tandem.toml has no server of that name");
  TANDEM_TRY(auto ports, input.pair.host.firewall ? ssh_ports(agent.ports()) : std::set<std::uint16_t>());
  TANDEM_TRY(auto work, work_of(agent.ports().processes, input.pair));
  TANDEM_TRY(auto there, work_there(agent.ports().files));
  return choose({.pair = input.pair,
                 .self = input.self,
                 .primary = input.primary,
                 .release = release,
                 .uids = input.uids,
                 .gids = input.gids,
                 .ssh_ports = std::move(ports),
                 .ca_certificate = authority.certificate(),
                 .secrets = input.secrets,
                 .host_keys = input.host_keys,
                 .site_unit = sites::site_unit_text({}),
                 .work = std::move(work),
                 .nginx_by_hand = nginx_by_hand(input),
                 .work_there = std::move(there)});
}

// Each step as a line; what apt-get and the like say only when it is a step of their own that takes long.
class Reporter final : public converge::Observer {
public:
  Reporter(const OperationContext& context, std::string server) : context_(context), server_(std::move(server)) {}

  void starting(const converge::Change& change) override {
    const auto detail = change.details.empty() ? std::string() : ": " + change.details.front();
    say(change.id + detail);
  }

  void line(std::string_view text) override {
    for (const auto* begin : {"Setting up ", "kept the old ", "waiting for "})
      if (text.starts_with(begin)) say("  " + std::string(text));
  }

  void finished(const converge::Change& /*change*/) override {}

  void say(const std::string& text) { context_.report(server_ + ": " + text); }

private:
  const OperationContext& context_;
  std::string server_;
};

// The first of them: a person wants to know where it stopped, and the plan has the rest.
std::string not_started_text(std::vector<std::string> ids) {
  constexpr std::size_t named = 4;
  if (ids.empty()) return {};
  const auto more = ids.size() > named ? fmt::format(" and {} more", ids.size() - named) : std::string();
  ids.resize(std::min(ids.size(), named));
  return "  not started: " + join(ids, ", ") + more + "\n";
}

std::string outcome_text(const converge::Applied& applied, const std::string& server) {
  if (!applied.failed)
    return applied.done.empty() ? server + ": nothing to do\n"
                                : fmt::format("{}: {} change{} made\n", server, applied.done.size(),
                                              applied.done.size() == 1 ? "" : "s");
  auto text = fmt::format("{}: failed at {} after {} changes\n  {}\n", server, *applied.failed, applied.done.size(),
                          applied.error ? describe(*applied.error) : std::string());
  text += not_started_text(applied.not_started);
  return text + "  What is done stays done; run `tandem apply` again once the cause is mended.\n";
}

// In one line, for status. Most errors begin with the name of what failed.
std::string failure_of(const Result<converge::Applied>& applied) {
  if (!applied) return "could not begin: " + applied.error().message;
  const auto why = applied->error ? applied->error->message : "";
  const auto& what = *applied->failed;
  return "failed at " + (why.starts_with(what) ? why : what + ": " + why);
}

} // namespace

Result<SetupInput> input_of(Agent& agent, const Json& orders) {
  TANDEM_TRY(auto packed, unpack(orders.value("configuration", Json()), agent.settings().configuration_file));
  TANDEM_TRY(const auto primary, peer::text_member(orders, "primary"));
  SetupInput input{.pair = *packed.configuration.pair,
                   .self = {},
                   .primary = primary,
                   .uids = {},
                   .gids = {},
                   .secrets = std::move(packed.secrets)};
  if (input.pair.server(primary) == nullptr)
    return fail(ErrorKind::invalid, "the primary is " + primary + ", and that tandem.toml has no server of that name",
                "tandem apply");
  agent.on_loop([&] { input.self = agent.state().server; });
  const auto uids = orders.value("uids", Json::object());
  for (const auto& user : input.pair.users) {
    TANDEM_TRY(const auto uid, peer::number_member(uids, user.name));
    input.uids[user.name] = static_cast<std::uint32_t>(uid);
  }
  const auto gids = orders.value("gids", Json::object());
  for (const auto& [group, gid] : gids.items()) {
    TANDEM_TRY(const auto number, peer::number_member(gids, group));
    input.gids[group] = static_cast<std::uint32_t>(number);
  }
  TANDEM_TRY(input.host_keys, host_keys_of(orders.value("host_keys", Json::object())));
  input.kept = orders.value("kept", false);
  if (const auto text = orders.value("by_hand", std::string()); !text.empty()) {
    TANDEM_TRY(input.by_hand, sites::by_hand_from(text));
  }
  return input;
}

Result<Json> plan_here(Agent& agent, const SetupInput& input) {
  TANDEM_TRY(const auto authority, authority_of(agent));
  TANDEM_TRY(const auto wanted, resources(agent, input, authority));
  PairIssuer issuer(authority, agent.ports().clock);
  TANDEM_TRY(const auto plan, converge::plan_only(wanted, agent.ports(), issuer, agent.settings().state_folder));
  const auto edited = std::ranges::count_if(plan.changes, &converge::Change::edited_by_hand);
  Json ids = Json::array();
  Json different = Json::array();
  for (const auto& change : plan.changes) {
    ids.push_back(change.id);
    if (change.kind != converge::ChangeKind::react) different.push_back(change.id);
  }
  return Json{{"text", converge::to_text(plan, input.self)},
              {"changes", plan.changes.size()},
              {"edited", edited},
              {"held_back", plan.held_back},
              {"ids", std::move(ids)},
              {"different", std::move(different)}};
}

namespace {

// How a run over the resources goes about it.
enum class Manner {
  apply,  // a person waits for it
  repair, // nobody does
};

KeptOrders kept_orders(const OperationContext& context) {
  return {context.ports().files, context.agent().settings().state_folder};
}

Result<std::unique_lock<std::mutex>> take_database(Agent& agent, Manner manner) {
  if (manner == Manner::apply) return std::unique_lock(agent.database_work());
  std::unique_lock lock(agent.database_work(), std::try_to_lock);
  if (!lock.owns_lock()) return fail(ErrorKind::unavailable, "PostgreSQL is being started, copied or set up here");
  return lock;
}

Error was_ended() {
  return {ErrorKind::unavailable, "ended here, since something more urgent waits or the agent stops",
          "Run `tandem apply` again afterwards"};
}

ApplyHalts halts_of(OperationContext& context, const Tenure& tenure, Reporter& reporter, Manner manner) {
  return {Halting(
              HaltFile(context.ports().files, context.agent().settings().run_folder),
              [&](const std::string& line) {
                reporter.say(line);
                context.agent().log("apply " + line);
              },
              [&] { return context.cancelled(); }),
          {.go_on = [&]() -> Result<void> {
             if (context.cancelled()) return std::unexpected(was_ended());
             return tenure.still();
           },
           .wait = [&, manner] { return manner == Manner::apply && !context.cancelled() && tenure.still(); }}};
}

Result<converge::Applied> converge_to(OperationContext& context, const SetupInput& input,
                                      converge::ReactionTurns& turns, system::Applications& applications,
                                      Manner manner) {
  auto& agent = context.agent();
  const Agent::Change counted(agent);
  if (context.cancelled()) return std::unexpected(was_ended());
  TANDEM_TRY(const auto authority, authority_of(agent));
  TANDEM_TRY(const auto wanted, resources(agent, input, authority));
  PairIssuer issuer(authority, context.ports().clock);
  TANDEM_TRY(const auto tenure, Tenure::begin(agent, [&context] { return context.cancelled(); }));
  if (tenure.standing().primary != input.primary)
    return fail(
        ErrorKind::refused,
        fmt::format("this is for a pair whose primary is {}, and it is {}", input.primary, tenure.standing().primary),
        "Run `tandem apply` again");
  TANDEM_TRY(const auto database, take_database(agent, manner));
  if (manner == Manner::apply) {
    if (input.self == input.primary)
      TANDEM_CHECK(check_sites_by_hand(context.ports().files, input.pair, input.by_hand));
    TANDEM_CHECK(kept_orders(context).forget());
  }
  context.log("apply begins, asked for by " + context.from());
  Reporter reporter(context, input.self);
  auto halts = halts_of(context, tenure, reporter, manner);
  auto services = agent.services_while([&] { return tenure.still(); });
  const auto& all = context.ports();
  system::Ports ports{all.files,    all.processes, services,  all.packages,
                      all.accounts, all.databases, all.clock, all.reach};
  const bool by_hand = !input.by_hand.sites.empty() || !input.by_hand.cron.empty();
  GiveBackMark mark(all.files, agent.settings().state_folder);
  if (input.kept) TANDEM_CHECK(mark.give_up()); // one that joined later
  TANDEM_TRY(const bool given_up, mark.given_up());
  HeldRestarts held(turns, context, applications, input.pair);
  converge::ApplyContext work{.ports = ports,
                              .issuer = issuer,
                              .turns = held,
                              .observer = reporter,
                              .halts = halts,
                              .state_folder = agent.settings().state_folder,
                              .notes_before = by_hand && !given_up};
  if (manner == Manner::apply) {
    TakingOver taking(context, input, applications, [&](const std::string& line) { reporter.say(line); });
    TANDEM_TRY(const bool serves, taking.begin());
    if (serves) {
      TANDEM_TRY(const auto front, resources(agent, input, authority, setup::front_resources));
      auto before = converge::apply(front, work);
      if (!before || before->failed) return before;
    }
  }
  return converge::apply(wanted, work);
}

bool gave_way(const Result<converge::Applied>& applied) {
  const auto* error = !applied ? &applied.error() : applied->error ? &*applied->error : nullptr;
  return error != nullptr && (error->kind == ErrorKind::refused || error->kind == ErrorKind::unavailable);
}

Result<Json> carry_out(OperationContext& context, const Json& orders, converge::ReactionTurns& turns,
                       system::Applications& applications, Manner manner) {
  TANDEM_TRY(const auto input, input_of(context.agent(), orders));
  const auto applied = converge_to(context, input, turns, applications, manner);
  const auto text = applied ? outcome_text(*applied, input.self) : input.self + ": " + describe(applied.error());
  context.log("apply: " + std::string(trim(text)));
  // A repair that gave way is no failure: the next look at the server begins another.
  if (manner == Manner::apply || !gave_way(applied))
    context.remember("apply", applied && !applied->failed ? "" : failure_of(applied));
  if (!applied) return std::unexpected(applied.error());
  Json answer{{"text", text}, {"done", applied->done}, {"held_back", applied->held_back}};
  if (applied->failed) answer["failed"] = *applied->failed;
  return answer;
}

} // namespace

Result<Json> repair_here(OperationContext& context, const Json& orders, converge::ReactionTurns& turns,
                         system::Applications& applications) {
  return carry_out(context, orders, turns, applications, Manner::repair);
}

Result<void> check_sites_by_hand(system::Files& files, const model::Pair& pair, const model::ByHand& by_hand) {
  for (const auto& site : pair.sites) {
    const auto path = sites::Layout().site_link(site.domain);
    TANDEM_TRY(const auto status, files.status(path));
    if (!status || status->type == system::FileType::link) continue;
    const auto* known = by_hand.site(site.domain);
    if (known != nullptr && !known->socket.empty()) continue;
    return fail(
        ErrorKind::refused,
        fmt::format("{0} was set up by hand, and {1} beside tandem.toml does not say on which socket {2} is served: "
                    "with this, visitors of {2} would get errors until it is deployed",
                    path, model::by_hand_file, site.domain),
        "Nothing was changed. `tandem adopt --output` writes it. \"A pair that was set up by hand\" in "
        "/usr/share/doc/tandem/operators-guide.md says how it is taken over.");
  }
  return {};
}

Result<Json> apply_here(OperationContext& context, const Json& orders, converge::ReactionTurns& turns,
                        system::Applications& applications) {
  TANDEM_TRY(auto answer, carry_out(context, orders, turns, applications, Manner::apply));
  if (!answer.contains("failed")) TANDEM_CHECK(kept_orders(context).keep(orders));
  return answer;
}

} // namespace tandem::agent
