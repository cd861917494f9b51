// The simulated pair: servers, network, a client that writes all the time, and what must always hold.
#pragma once
#include "simulation/node.hpp"

namespace tandem::testing {

struct Violated { // thrown at once, with the sentence
  std::string what;
};

using Reign = std::pair<role::Epoch, std::string>; // an epoch and its primary

struct Shared {
  explicit Shared(std::uint64_t seed) : random(seed), network(schedule, random) {}

  Random random;
  Schedule schedule;
  Network network;
  role::Policy policy;
  bool record = false;              // keep `history`
  std::vector<std::string> history; // "  12.345 uno: …"
  std::map<std::string, std::unique_ptr<Node>> nodes;
  std::vector<Node*> all;                    // the same, to go through
  std::map<role::Epoch, std::string> served; // who served at each epoch
  std::map<role::Epoch, bool> by_failover;   // the epoch was taken by an operator's failover
  int failovers = 0;
  int granted = 0;                  // grants taken
  std::map<int, Time> acknowledged; // writes, and when: each is a row and a file
  std::map<int, Reign> written_in;  // the same writes
  std::map<Reign, Reign> before;    // the reign that each began from, as the first server that knew it knew
  std::set<int> rows_given_up;      // by the failovers: acknowledged after the moment that each announced
  std::set<int> files_given_up;
  bool drop_rows = false;        // a planted fault: a server that takes over loses its oldest row
  bool keep_last_files = false;  // another: a switchover does not send what came since its first comparison
  bool accept_all_files = false; // another: a comparison goes on when its server is not the primary any more
  Time longest_hold{0};
  int turned_away = 0; // requests that were held up to the limit
  Time hold_limit{20'000};

  void say(const std::string& who, const std::string& what);
  void give_up(std::string_view kind, const std::vector<int>& lost, Time announced, std::set<int>& given_up) const;
  void follows(const Reign& reign, const Reign& former);
  // The reigns that led to this one, itself included.
  [[nodiscard]] std::set<Reign> lineage(Reign reign) const;
  // What of this was acknowledged in those reigns, is not held and was not given up.
  [[nodiscard]] std::vector<int> missing(const std::vector<int>& held, const std::set<Reign>& reigns,
                                         const std::set<int>& given_up) const;
  // Before it is stored: it counts even if the power goes right after.
  void fails_over(role::Epoch epoch, const Node& by);
  void saw(const std::string& who, const role::Outcome& outcome);

  [[nodiscard]] Node& node(const std::string& name) { return *nodes.at(name); }
};

struct Options {
  std::uint64_t seed = 1;
  int servers = 2;
  role::Policy policy = {};
  bool forgetful_disks = false;  // a planted fault
  bool drop_rows = false;        // another
  bool keep_last_files = false;  // another
  bool accept_all_files = false; // another
  bool record = false;
};

class World {
public:
  explicit World(const Options& options);

  Shared shared;
  [[nodiscard]] std::vector<std::string> names() const;

  [[nodiscard]] Node& node(const std::string& name) { return shared.node(name); }

  // Runs on, checking what must always hold after every event. Throws Violated.
  void run(Time duration);
  // One server serves, the others follow it with the same rows, no runbook is open. Empty: so it is; else why not.
  [[nodiscard]] std::string unsettled();
  // Runs until settled, at the most so long; throws Violated when it is not by then.
  void settle(Time longest);
  // The server that serves; empty: none.
  [[nodiscard]] std::string serving() const;
  void heal();
  // Switches it on, as soon as no operator needs it to be off.
  void boot(const std::string& name);
  void check_writes_kept() const;

private:
  void check() const;
  void write_once();
  void replicate();
  void reconcile();
  void tick(const std::string& name);

  int next_write_ = 0;
};

template <class Work>
void Node::guarded(const Work& work) {
  try {
    work();
  } catch (const PowerCut&) {
    kill_only_agent ? kill_agent() : power_cut();
  }
}

template <class What>
void Node::say(const What& what) const {
  if (!shared_.record) return;
  if constexpr (std::is_invocable_v<What>)
    shared_.say(name(), what());
  else
    shared_.say(name(), what);
}

} // namespace tandem::testing
