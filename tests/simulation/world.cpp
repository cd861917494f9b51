#include "simulation/world.hpp"

#include "role/rules.hpp"

#include <fmt/format.h>

namespace tandem::testing {

void Shared::say(const std::string& who, const std::string& what) {
  if (!record) return;
  history.push_back(fmt::format("{:>8.3f} {}: {}", static_cast<double>(schedule.now().count()) / 1000, who, what));
}

void Shared::follows(const Reign& reign, const Reign& former) {
  if (reign != former) before.try_emplace(reign, former);
}

std::set<Reign> Shared::lineage(Reign reign) const {
  std::set<Reign> all;
  for (auto at = before.end(); all.insert(reign).second && (at = before.find(reign)) != before.end();)
    reign = at->second;
  return all;
}

// The moment that it announces is that of the latest row that the server has: whatever is missing came behind it.
void Shared::fails_over(role::Epoch epoch, const Node& by) {
  ++failovers;
  by_failover[epoch] = true;
  const std::set<int> held(by.rows.begin(), by.rows.end());
  const auto led_here = lineage(by.reign());
  Time announced{0}; // nothing is announced by a server whose database was not following when it took over
  const bool followed = by.machine.postgres == Postgres::standby && by.machine.follows == by.reign().second;
  for (const auto row : followed ? by.rows : std::vector<int>())
    announced = std::max(announced, acknowledged[row]);
  for (const auto& [row, when] : acknowledged) {
    if (held.contains(row) || given_up.contains(row) || !led_here.contains(written_in.at(row))) continue;
    if (when < announced)
      throw Violated{
          fmt::format("row {} of {} ms is not there, and {} ms was announced", row, when.count(), announced.count())};
    given_up.insert(row);
  }
}

// Notes who serves at which epoch. Two commands of operators on servers that knew nothing of each other can choose
// one number, which is then found out as a conflict; nothing else may use an epoch twice.
void Shared::saw(const std::string& who, const role::Outcome& outcome) {
  if (!outcome.role.session.serving) return;
  const auto epoch = outcome.role.kept.epoch;
  if (outcome.row->id == "grant.taken") ++granted;
  const auto [found, added] = served.try_emplace(epoch, who);
  if (!added && found->second != who && !by_failover[epoch])
    throw Violated{fmt::format("epoch {} was used by {} and by {}", epoch, found->second, who)};
}

World::World(const Options& options) : shared(options.seed) {
  shared.policy = options.policy;
  shared.record = options.record;
  shared.drop_rows = options.drop_rows;
  const std::vector<std::string> all = {"uno", "duo", "tre", "quattro"};
  for (int i = 0; i < options.servers; ++i) {
    role::Members members;
    members.self = all[i];
    for (int other = 0; other < options.servers; ++other)
      if (other != i) members.others.push_back(all[other]);
    auto node = std::make_unique<Node>(shared, members);
    node->disk.forgetful = options.forgetful_disks;
    node->install("uno");
    shared.nodes[all[i]] = std::move(node);
  }
  for (const auto& name : names()) {
    node(name).boot();
    tick(name);
  }
  shared.schedule.in(Time(50), [this] { write_once(); });
  shared.schedule.in(Time(20), [this] { replicate(); });
}

std::vector<std::string> World::names() const {
  std::vector<std::string> names;
  for (const auto& [name, node] : shared.nodes)
    names.push_back(name);
  return names;
}

void World::tick(const std::string& name) {
  const auto pause = Time(static_cast<std::int64_t>(700 + shared.random.below(600)));
  shared.schedule.in(pause, [this, name] {
    if (node(name).up()) node(name).tick();
    tick(name);
  });
}

// A client that knows any one of the servers; a standby's gate passes it on, one hop only.
void World::write_once() {
  shared.schedule.in(Time(100), [this] { write_once(); });
  const auto known = names()[shared.random.below(shared.nodes.size())];
  auto* target = &node(known);
  if (target->machine.gate == Gate::closed) return; // held, or off
  if (target->machine.gate == Gate::peer) {
    const auto& primary = target->machine.follows;
    if (!shared.network.linked(known, primary)) return;
    target = &node(primary);
  }
  const auto& machine = target->machine;
  if (machine.gate != Gate::here || machine.postgres != Postgres::primary || !machine.applications) return;
  target->rows.push_back(++next_row_);
  shared.acknowledged[next_row_] = shared.schedule.now();
  shared.written_in[next_row_] = target->reign();
}

void World::replicate() {
  shared.schedule.in(Time(50), [this] { replicate(); });
  for (auto& [name, standby] : shared.nodes) {
    if (standby->machine.postgres != Postgres::standby) continue;
    const auto& primary = node(standby->machine.follows);
    if (!primary.writes() || !shared.network.linked(name, primary.name())) continue;
    if (primary.rows.size() >= standby->rows.size()) standby->rows = primary.rows;
  }
}

void World::check() const {
  std::vector<std::string> serving;
  std::vector<std::string> writing;
  for (const auto& [name, node] : shared.nodes) {
    if (node->up() && node->situation() == role::Situation::serving) serving.push_back(name);
    if (node->writes()) writing.push_back(name);
  }
  if (serving.size() > 1) throw Violated{fmt::format("{} and {} serve", serving[0], serving[1])};
  if (writing.size() > 1) throw Violated{fmt::format("PostgreSQL writes on {} and {}", writing[0], writing[1])};
}

void World::run(Time duration) {
  const auto end = shared.schedule.now() + duration;
  while (shared.schedule.step(end))
    check();
}

std::string World::serving() const {
  for (const auto& [name, node] : shared.nodes)
    if (node->up() && node->situation() == role::Situation::serving) return name;
  return {};
}

std::string World::unsettled() {
  const auto primary = serving();
  if (primary.empty()) return "no server serves";
  for (const auto& [name, node] : shared.nodes) {
    if (!node->up()) return node->state_line();
    const auto now = node->server_now();
    if (now != (name == primary ? role::ServerNow::primary : role::ServerNow::standby))
      return fmt::format("{} is {}", name, name_of(now));
    if (!node->machine.applications) return "no application runs on " + name;
    if (node->run_is_open()) return "a run is open on " + name;
    if (name != primary && node->role().kept.primary != primary) return name + " holds another for the primary";
    if (name != primary && node->role().kept.epoch != this->node(primary).role().kept.epoch) return "epochs differ";
  }
  return {};
}

void World::settle(Time longest) {
  const auto end = shared.schedule.now() + longest;
  while (!unsettled().empty() && shared.schedule.now() < end)
    run(Time(200));
  if (const auto why = unsettled(); !why.empty()) {
    std::string states;
    for (const auto& name : names())
      states += "\n  " + node(name).state_line();
    throw Violated{fmt::format("not settled after {} s: {}{}", longest.count() / 1000, why, states)};
  }
}

void World::heal() {
  shared.say("the world", "is healed");
  shared.network.cut.clear();
  shared.network.weather = {};
  for (const auto& name : names()) {
    node(name).disk.power.never();
    boot(name);
  }
}

void World::boot(const std::string& name) {
  if (node(name).up()) return;
  const bool needed_off =
      std::ranges::any_of(shared.nodes, [&](const auto& other) { return other.second->counts_on_absence_of(name); });
  if (needed_off) return shared.schedule.in(Time(200), [this, name] { boot(name); });
  node(name).boot();
}

// Rows of a reign that did not lead to the present one were written by a primary that an operator had made although
// another failover had come before it: they are kept aside as diverged, and no part of the pair's data.
void World::check_writes_kept() const {
  const auto& primary = *shared.nodes.at(serving());
  const auto& rows = primary.rows;
  const auto lineage = shared.lineage(primary.reign());
  const std::set<int> held(rows.begin(), rows.end());
  for (const auto& [row, when] : shared.acknowledged)
    if (!held.contains(row) && !shared.given_up.contains(row) && lineage.contains(shared.written_in.at(row)))
      throw Violated{fmt::format("row {} is lost, acknowledged at {} ms in epoch {} of {}", row, when.count(),
                                 shared.written_in.at(row).first, shared.written_in.at(row).second)};
  if (held.size() != rows.size()) throw Violated{"a row was doubled"};
}

} // namespace tandem::testing
