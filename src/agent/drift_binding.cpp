#include "agent/drift_binding.hpp"

#include "agent/agent.hpp"
#include "agent/drift.hpp"
#include "agent/orders.hpp"
#include "agent/server_setup.hpp"
#include "agent/times.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr peer::Duration tick = std::chrono::seconds(2);
// After a start or a change of role services come and go for a while.
constexpr std::chrono::seconds settling{30};

// What one look found.
struct Look {
  std::vector<std::string> ids = {};
  bool other_file = false; // tandem.toml, or a secret file, has changed since
  bool repair = false;     // as that apply's file has it
};

Result<Look> look_at(Agent& agent, const std::string& primary) {
  const KeptOrders kept(agent.ports().files, agent.settings().state_folder);
  TANDEM_TRY(auto orders, kept.latest());
  if (!orders) return Look();
  (*orders)["primary"] = primary;
  TANDEM_TRY(const auto input, input_of(agent, *orders));
  TANDEM_TRY(const auto plan, plan_here(agent, input));
  Look look{.ids = plan.at("different"), .repair = input.pair.host.repair};
  const auto now = read_configuration(agent.ports().files, agent.settings().configuration_file);
  const auto packed = now ? pack(agent.ports().files, *now) : std::unexpected(now.error());
  look.other_file = !packed || *packed != orders->at("configuration");
  return look;
}

class DriftWatch : public std::enable_shared_from_this<DriftWatch> {
public:
  void wait(Agent& agent) {
    timer_ = agent.loop().after(tick, [weak = weak_from_this(), &agent] {
      const auto self = weak.lock();
      if (!self) return;
      self->turn(agent);
      self->wait(agent);
    });
  }

  void add_status(const OperationContext& context, Json& status) {
    context.agent().on_loop([&] {
      if (!drift_.ids().empty()) {
        status["drift"] = {{"resources", drift_.ids()}, {"since", drift_.since()}};
        status["problems"].push_back(to_text(drift_));
      }
      if (latest_.other_file)
        status["problems"].push_back("tandem.toml, or a file that it names, is not the one of the latest `tandem "
                                     "apply`: `tandem plan` shows what it would change");
      if (const auto problem = drift_.problem(); !problem.empty())
        status["problems"].push_back("it cannot be compared with the latest apply: " + problem);
    });
  }

private:
  // ---- on the loop
  // What the role does to this server, or an operation, goes first: meanwhile there is nothing to compare.
  [[nodiscard]] static bool quiet(const Agent& agent) {
    return agent.on_duty() && agent.runbook().empty() && agent.busy_with().empty();
  }

  void turn(Agent& agent) {
    const auto now = std::chrono::steady_clock::now();
    if (looking_ || agent.ending()) return;
    const auto standing = agent.state().standing;
    if (!quiet(agent) || standing != standing_) {
      standing_ = standing;
      drift_.forget();
      latest_ = {};
      next_ = now + settling;
    }
    if (now < next_) return;
    looking_ = true;
    agent.in_background([self = shared_from_this(), &agent, primary = standing.primary] {
      auto look = look_at(agent, primary);
      agent.loop().post([self, &agent, look = std::move(look)] { self->looked(agent, look); });
    });
  }

  void looked(Agent& agent, const Result<Look>& look) {
    looking_ = false;
    // What began meanwhile changes things; turn() sees it too, and begins anew.
    if (!quiet(agent) || agent.state().standing != standing_) return;
    const auto now = std::chrono::steady_clock::now();
    const auto before = drift_.ids();
    if (!look) {
      drift_.missed(describe(look.error()));
      next_ = now + drift_.pause();
      return;
    }
    latest_ = *look;
    drift_.seen(utc_text(agent.ports().clock), latest_.ids);
    next_ = now + drift_.pause();
    if (drift_.ids() != before)
      agent.log(drift_.ids().empty() ? "everything is as the latest apply left it again" : to_text(drift_));
    if (latest_.repair && drift_.take_repair(now)) repair(agent);
  }

  static void repair(Agent& agent) {
    if (const auto begun = agent.begin_own("repair"); !begun)
      agent.log("the repair does not begin: " + describe(begun.error()));
  }

  Drift drift_;
  Look latest_;
  peer::Standing standing_;
  std::chrono::steady_clock::time_point next_{};
  bool looking_ = false;
  peer::Timer timer_;
};

} // namespace

void bind_drift(Settings& settings) {
  const auto watch = std::make_shared<DriftWatch>();
  settings.status_parts.emplace_back(
      [watch](const OperationContext& context, Json& status) { watch->add_status(context, status); });
  settings.on_member = [before = settings.on_member, watch](Agent& agent) {
    if (before) before(agent);
    watch->wait(agent);
  };
}

} // namespace tandem::agent
