#include "simulation/scenario.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <array>

namespace tandem::testing {

namespace {

// Faults and commands at random moments of the first part of a seed's life.
class Trouble {
public:
  explicit Trouble(World& world) : world_(world), random_(world.shared.random) {}

  void happen() {
    switch (random_.below(13)) {
    case 0:
      return power_cut(0);
    case 1:
      return power_cut(random_.below(30));
    case 2:
      return kill_agent();
    case 3:
      return partition();
    case 4:
    case 5:
    case 6:
    case 7:
      return switchover();
    case 8:
      return failover();
    case 9:
      return take_back_or_abort();
    case 10:
      return hang();
    case 11:
      return fill_disk();
    default:
      return weather();
    }
  }

private:
  World& world_;
  Random& random_;

  std::string any_name() { return world_.shared.all[random_.below(world_.shared.all.size())]->name(); }

  std::string another_than(const std::string& name) {
    auto others = world_.names();
    std::erase(others, name);
    return others[random_.below(others.size())];
  }

  Time up_to(int longest) {
    return Time(static_cast<std::int64_t>(1 + random_.below(static_cast<std::uint64_t>(longest))));
  }

  void boot_later(const std::string& name, int longest) {
    world_.shared.schedule.in(up_to(longest), [this, name] { world_.boot(name); });
  }

  void power_cut(std::uint64_t points) {
    const auto name = any_name();
    if (!world_.node(name).up()) return;
    if (points == 0)
      world_.node(name).power_cut();
    else
      world_.node(name).disk.power.cut_after(points);
    boot_later(name, 6000);
  }

  void kill_agent() {
    const auto name = any_name();
    if (!world_.node(name).up()) return;
    world_.node(name).kill_agent();
    boot_later(name, 300);
  }

  void hang() {
    const auto name = any_name();
    if (!world_.node(name).up()) return;
    world_.shared.say(name, "its agent hangs");
    world_.node(name).hung_until = world_.shared.schedule.now() + up_to(4000);
  }

  void fill_disk() {
    const auto name = any_name();
    world_.shared.say(name, "its disk is full");
    world_.node(name).disk.files.disk_full = true;
    world_.shared.schedule.in(up_to(6000), [this, name] { world_.node(name).disk.files.disk_full = false; });
  }

  void partition() {
    const auto from = any_name();
    const auto to = another_than(from);
    world_.shared.say("the network", fmt::format("is cut from {} to {}", from, to));
    auto& cut = world_.shared.network.cut;
    cut.insert({from, to});
    if (random_.chance(70)) cut.insert({to, from});
    world_.shared.schedule.in(up_to(5000), [this, from, to] {
      world_.shared.network.cut.erase({from, to});
      world_.shared.network.cut.erase({to, from});
    });
  }

  void switchover() {
    const auto from = world_.serving();
    if (!from.empty()) world_.node(from).begin_switchover(another_than(from), 20);
  }

  // Often because the primary has just lost its power.
  void failover() {
    const auto name = any_name();
    const auto primary = world_.serving();
    if (!primary.empty() && primary != name && random_.chance(50)) {
      world_.node(primary).power_cut();
      boot_later(primary, 6000);
    }
    if (world_.serving().empty() && world_.node(name).up()) take_over(name, 3);
  }

  // The operator's word that a server is off is true until the failover has ended, well or not.
  void take_over(const std::string& name, int tries) {
    std::set<std::string> off;
    for (const auto& other : world_.names())
      if (world_.node(other).off()) off.insert(other);
    world_.node(name).begin_failover(off, random_.chance(20));
    if (tries > 1) world_.shared.schedule.in(Time(300), [this, name, tries] { take_over(name, tries - 1); });
  }

  void take_back_or_abort() {
    const auto name = any_name();
    if (random_.chance(50))
      world_.node(name).command(role::EventKind::take_back, {});
    else
      (void)world_.node(name).abort_run();
  }

  void weather() {
    auto& now = world_.shared.network.weather;
    now.loss = random_.chance(50) ? 0 : static_cast<unsigned>(random_.below(30));
    now.doubled = static_cast<unsigned>(random_.below(20));
    constexpr std::array<int, 5> delays{10, 10, 10, 800, 4000};
    now.longest_delay = Time(delays.at(random_.below(delays.size())));
  }
};

// What an operator does with a pair that cannot go on by itself: everything is up and reachable, nothing serves.
void help(World& world) {
  for (int tries = 0; tries < 20 && world.serving().empty(); ++tries) {
    std::string best;
    for (const auto& name : world.names())
      if (best.empty() || world.node(name).role().kept.epoch > world.node(best).role().kept.epoch) best = name;
    world.node(best).begin_failover({}, false);
    world.run(Time(500));
  }
}

void live(World& world) {
  Trouble trouble(world);
  auto& random = world.shared.random;
  world.run(Time(1500));
  const auto events = 8 + random.below(16);
  for (std::uint64_t i = 0; i < events; ++i) {
    world.run(Time(static_cast<std::int64_t>(random.below(1500))));
    trouble.happen();
  }
  world.run(Time(6000)); // whatever was to be booted or linked again is
  world.heal();
  world.run(Time(8000));
  if (world.serving().empty()) help(world);
  world.settle(Time(60'000));
  world.check_writes_kept();
}

Report run_once(const Options& options) {
  Report report;
  report.seed = options.seed;
  World world(options);
  try {
    live(world);
  } catch (const Violated& violated) {
    report.violation = violated.what;
  }
  report.history = world.shared.history;
  report.failovers = world.shared.failovers;
  report.granted = world.shared.granted;
  return report;
}

} // namespace

Report simulate(const Options& options) {
  auto mine = options;
  mine.servers = options.seed % 3 == 0 ? 3 : 2;
  auto report = run_once(mine);
  if (report.violation.empty() || options.record) return report;
  mine.record = true;
  return run_once(mine);
}

std::string told(const Report& report) {
  if (report.violation.empty()) return fmt::format("seed {}: as it should be", report.seed);
  return fmt::format("seed {}: {}\n{}\nAgain: tandem-simulate --seeds 1 --first {}", report.seed, report.violation,
                     join(report.history, "\n"), report.seed);
}

} // namespace tandem::testing
