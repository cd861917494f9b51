#include "agent/role_binding.hpp"

#include "agent/failover_steps.hpp"
#include "agent/operations/certificates.hpp"
#include "agent/operations/failover.hpp"
#include "agent/operations/give_back.hpp"
#include "agent/operations/imports.hpp"
#include "agent/operations/remove.hpp"
#include "agent/switchover_steps.hpp"
#include "agent/work_keeper.hpp"
#include "role/failover.hpp"

#include <nlohmann/json.hpp>

#include <mutex>

namespace tandem::agent {

namespace {

// The keeper needs the agent, and the agent's settings need the keeper: it is made at the first call.
class LateKeeper : public std::enable_shared_from_this<LateKeeper> {
public:
  explicit LateKeeper(RoleWork work) : work_(std::move(work)) {}

  DutyKeeper& of(Agent& agent) {
    const std::lock_guard lock(mutex_);
    if (!keeper_) keeper_ = std::make_unique<DutyKeeper>(agent, work_.duties(agent), steps(agent));
    return *keeper_;
  }

  PerformStep steps(Agent& agent) {
    return work_.steps(agent, [this, &agent]() -> DutyKeeper& { return of(agent); });
  }

private:
  RoleWork work_;
  std::mutex mutex_;
  std::unique_ptr<DutyKeeper> keeper_; // guarded by mutex_ while it is made; afterwards it stays
};

Result<Json> take_message(OperationContext& context, LateKeeper& keeper) {
  TANDEM_TRY(const auto text, peer::text_member(context.params(), "message"));
  TANDEM_TRY(const auto message, role::decode_message(text));
  const auto snapshot = context.snapshot();
  if (message.from != context.from() || message.to != snapshot.server)
    return fail(ErrorKind::refused, "a message about roles names other servers than those that exchange it");
  context.agent().on_loop([&] { keeper.of(context.agent()).role().take_message(message); });
  return Json::object();
}

// In the situations in which a server waits for others or for a person; "": it does not.
std::string why_nothing_is_served(const std::string& situation) {
  if (situation == role::name_of(role::Situation::waiting))
    return "it does not know whether there was a failover, and serves nothing until the other servers have told; if "
           "they "
           "are switched off and there was none: tandem failover --alone NAME";
  if (situation == role::name_of(role::Situation::conflict))
    return "two servers claim the same epoch, and neither serves: tandem failover on the one to keep; what the other "
           "wrote "
           "is kept there";
  return {};
}

void add_status(const OperationContext& context, Json& status, LateKeeper& keeper) {
  Json role;
  context.agent().on_loop([&] { role = keeper.of(context.agent()).status(); });
  for (const auto* name : {"problem", "duty_problem"})
    if (role.contains(name)) status["problems"].push_back(role[name]);
  if (role.contains("run") && role["run"].value("open", false))
    status["problems"].push_back(fmt::format("a {} is open: {} (`tandem resume` shows how it goes on)",
                                             role["run"].value("runbook", ""), role["run"].value("text", "")));
  if (const auto waits = why_nothing_is_served(role.value("situation", "")); !waits.empty())
    status["problems"].push_back(waits);
  status["role"] = std::move(role);
}

} // namespace

KeeperOf bind_keepers(Settings& settings, std::vector<Operation>& operations, RoleWork work) {
  const auto keeper = std::make_shared<LateKeeper>(std::move(work));
  settings.found = [keeper](OperationContext& context, const Membership& membership) {
    return keeper->of(context.agent()).role().found(membership.server);
  };
  settings.admit = [keeper](OperationContext& context, const std::string& server) {
    return keeper->of(context.agent()).role().admit(server);
  };
  settings.be_admitted = [keeper](OperationContext& context, const Membership& membership, const Json& admission) {
    return keeper->of(context.agent()).role().be_admitted(membership.server, admission);
  };
  settings.members = [keeper](Agent& agent) {
    const auto& members = keeper->of(agent).role().members();
    auto names = members.others;
    names.push_back(members.self);
    return names;
  };
  settings.on_member = [keeper](Agent& agent) { keeper->of(agent).start(agent.state().server); };
  settings.on_peer = [keeper](Agent& agent, const std::string& server, bool connected) {
    keeper->of(agent).role().peer_changed(server, connected);
  };
  settings.status_parts.push_back(
      [keeper](const OperationContext& context, Json& status) { add_status(context, status, *keeper); });
  operations.push_back({.name = "role.message", .callers = {Caller::peer}, .run = [keeper](OperationContext& context) {
                          return take_message(context, *keeper);
                        }});
  const KeeperOf of = [keeper](Agent& agent) -> DutyKeeper& { return keeper->of(agent); };
  const StepsOf steps = [keeper](Agent& agent) { return keeper->steps(agent); };
  for (auto& operation : {switchover_operation(of, steps), failover_operation(of), resume_operation(of),
                          abort_operation(of), runbook_operation(of), run_records_operation(of),
                          run_state_operation(of), remove_operation(of), member_forget_operation(of)})
    operations.push_back(operation);
  operations.push_back(run_step_operation(of, steps));
  return of;
}

void bind_role(Settings& settings, std::vector<Operation>& operations, std::shared_ptr<ReleaseWork> releases) {
  auto& applications = releases->applications;
  const auto files = releases->files;
  const auto memory = std::make_shared<StepMemory>();
  const auto queue = std::make_shared<QueueKeeper>();
  const auto jobs = std::make_shared<WorkKeeper>();
  const auto certificates = std::make_shared<CertificateKeeper>();
  const auto names = std::make_shared<NameKeeper>();
  const auto imports = std::make_shared<ImportKeeper>();
  const auto of = bind_keepers(
      settings, operations,
      {.duties = [&applications](Agent& agent) { return make_duties(agent, applications); },
       .steps =
           [&applications, files, queue, names, memory](Agent& agent, std::function<DutyKeeper&()> keeper) {
             const auto switchover = switchover_steps(agent, applications, files, queue, names, memory, keeper);
             const auto failover = failover_steps(agent, applications, files, queue, names, std::move(keeper));
             return [switchover, failover](const role::Call& call, const std::function<bool()>& ended) {
               return (call.opening.runbook == role::failover().name ? failover : switchover)(call, ended);
             };
           }});
  operations.push_back(member_leave_operation(of, applications));
  operations.push_back(give_back_operation(releases));
  operations.push_back(server_give_back_operation(applications));
  operations.push_back(keep_operation());
  operations.push_back(server_keep_operation());
  operations.push_back(database_end_operation(memory));
  operations.push_back(database_waiting_operation());
  operations.push_back(sites_calm_operation(applications));
  operations.push_back(queue_confirm_operation());
  operations.push_back(dns_operation(names));
  operations.push_back(certificates_renew_operation(certificates));
  operations.push_back(certificates_held_operation(certificates));
  operations.push_back(certificates_put_operation(certificates));
  operations.push_back(imports_operation(imports));
  operations.push_back(imports_put_operation(imports));
  operations.push_back(imports_return_operation(imports));
  settings.stream_ports["queue"] = accept_queue;
  settings.status_parts.push_back(
      [queue, jobs, certificates, names, imports](const OperationContext& context, Json& status) {
        queue->add_status(context, status);
        jobs->add_status(context, status);
        certificates->add_status(context, status);
        names->add_status(context, status);
        imports->add_status(context, status);
      });
  settings.on_member = [before = settings.on_member, queue, jobs, certificates, names, imports, of](Agent& agent) {
    before(agent);
    queue->start(agent, of(agent));
    jobs->start(agent, of(agent));
    certificates->start(agent, of(agent));
    names->start(agent, of(agent));
    imports->start(agent, of(agent));
  };
}

} // namespace tandem::agent
