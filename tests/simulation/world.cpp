#include "simulation/world.hpp"

#include "role/rules.hpp"

#include <fmt/format.h>

#include <utility>

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

std::vector<int> Shared::missing(const std::vector<int>& held, const std::set<Reign>& reigns,
                                 const std::set<int>& given_up) const {
  const std::set<int> there(held.begin(), held.end());
  std::vector<int> lost;
  for (const auto& [write, when] : acknowledged)
    if (!there.contains(write) && !given_up.contains(write) && reigns.contains(written_in.at(write)))
      lost.push_back(write);
  return lost;
}

void Shared::give_up(std::string_view kind, const std::vector<int>& lost, Time announced,
                     std::set<int>& given_up) const {
  for (const auto write : lost) {
    const auto when = acknowledged.at(write);
    if (when < announced)
      throw Violated{fmt::format("{} {} of {} ms is not there, and {} ms was announced", kind, write, when.count(),
                                 announced.count())};
    given_up.insert(write);
  }
}

// The moment that it announces is that of the latest row that the server has, and of the latest comparison of its
// files: whatever is missing came behind them.
void Shared::fails_over(role::Epoch epoch, const Node& by) {
  ++failovers;
  by_failover[epoch] = true;
  const auto led_here = lineage(by.reign());
  Time announced{0}; // nothing is announced by a server whose database was not following when it took over
  const bool followed = by.machine.postgres == Postgres::standby && by.machine.follows == by.reign().second;
  for (const auto row : followed ? by.rows : std::vector<int>())
    announced = std::max(announced, acknowledged[row]);
  give_up("row", missing(by.rows, led_here, rows_given_up), announced, rows_given_up);
  give_up("file", missing(by.files, led_here, files_given_up), by.files_to, files_given_up);
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
  shared.keep_last_files = options.keep_last_files;
  shared.accept_all_files = options.accept_all_files;
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
  for (const auto& [name, node] : shared.nodes)
    shared.all.push_back(node.get());
  for (const auto& name : names()) {
    node(name).boot();
    tick(name);
  }
  shared.schedule.in(Time(50), [this] { write_once(); });
  shared.schedule.in(Time(20), [this] { replicate(); });
  shared.schedule.in(Time(30), [this] { reconcile(); });
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
    if (node(name).up() && !node(name).hangs()) node(name).tick();
    tick(name);
  });
}

// A client that knows any one of the servers; a standby's gate passes it on, one hop only.
void World::write_once() {
  shared.schedule.in(Time(100), [this] { write_once(); });
  auto* target = shared.all[shared.random.below(shared.all.size())];
  if (target->machine.gate == Gate::closed) return; // held, or off
  if (target->machine.gate == Gate::peer) {
    const auto& primary = target->machine.follows;
    if (!shared.network.linked(target->name(), primary)) return;
    target = &node(primary);
  }
  const auto& machine = target->machine;
  if (machine.gate != Gate::here || machine.postgres != Postgres::primary || !machine.applications) return;
  target->rows.push_back(++next_write_);
  target->files.push_back(next_write_);
  shared.acknowledged[next_write_] = shared.schedule.now();
  shared.written_in[next_write_] = target->reign();
}

void World::replicate() {
  shared.schedule.in(Time(50), [this] { replicate(); });
  for (auto* standby : shared.all) {
    if (standby->machine.postgres != Postgres::standby) continue;
    const auto& primary = node(standby->machine.follows);
    if (!primary.writes() || !shared.network.linked(standby->name(), primary.name())) continue;
    const auto& sent = primary.rows;
    auto& rows = standby->rows;
    if (sent.size() < rows.size()) continue;
    // Row numbers only grow: where the last one is the same, so are all before it, but for one that a fault dropped.
    if (!rows.empty() && sent[rows.size() - 1] == rows.back())
      rows.insert(rows.end(), sent.begin() + static_cast<std::ptrdiff_t>(rows.size()), sent.end());
    else
      rows = sent;
  }
}

void World::reconcile() {
  shared.schedule.in(Time(2000), [this] { reconcile(); });
  for (auto* standby : shared.all) {
    if (standby->machine.postgres != Postgres::standby) continue;
    const auto& primary = node(standby->machine.follows);
    if (!primary.writes() || !shared.network.linked(standby->name(), primary.name())) continue;
    if (primary.hangs() || standby->hangs()) continue;
    const auto duration = Time(static_cast<std::int64_t>(1 + shared.random.below(1500)));
    shared.schedule.in(duration, [this, &primary, standby, sent = primary.files, begun = shared.schedule.now(),
                                  followed = standby->reign().second] {
      const bool broken =
          !primary.machine.on || !standby->machine.on || !shared.network.linked(standby->name(), primary.name());
      // A comparison waits for the one before it, so that a later one has the last word.
      const bool ended = !shared.accept_all_files && (standby->reign().second != followed || standby->files_to > begun);
      if (!broken && !ended) (void)primary.send_files(*standby, sent, begun);
    });
  }
}

void World::check() const {
  const Node* serving = nullptr;
  const Node* writing = nullptr;
  for (const auto* node : shared.all) {
    if (node->writes() && std::exchange(writing, node) != nullptr) throw Violated{"PostgreSQL writes on two servers"};
    if (node->up() && node->situation() == role::Situation::serving && std::exchange(serving, node) != nullptr)
      throw Violated{"two servers serve"};
  }
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
    node(name).hung_until = Time(0);
    node(name).disk.files.disk_full = false;
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
  const auto lineage = shared.lineage(primary.reign());
  const auto none_lost = [&](std::string_view kind, const std::vector<int>& held, const std::set<int>& given_up) {
    for (const auto write : shared.missing(held, lineage, given_up))
      throw Violated{fmt::format("{} {} is lost, acknowledged at {} ms in epoch {} of {}", kind, write,
                                 shared.acknowledged.at(write).count(), shared.written_in.at(write).first,
                                 shared.written_in.at(write).second)};
  };
  none_lost("row", primary.rows, shared.rows_given_up);
  none_lost("file", primary.files, shared.files_given_up);
  if (std::set<int>(primary.rows.begin(), primary.rows.end()).size() != primary.rows.size())
    throw Violated{"a row was doubled"};
}

} // namespace tandem::testing
