// Keeps the sites' names leading to the primary ([dns]): the server that has become it changes their records, in the
// order of the sites' importance, and looks at them from time to time.
#pragma once
#include "agent/duty_keeper.hpp"
#include "agent/recurring.hpp"
#include "dns/name_servers.hpp"

namespace tandem::agent {

class NameKeeper : public std::enable_shared_from_this<NameKeeper> {
public:
  using Tell = std::function<void(const std::string& line)>;

  // This server is a member and its keeper has started. On the loop; both must outlive the loop's turning.
  void start(Agent& agent, DutyKeeper& duties);

  // Every name of the pair leads to this server from now on, if it is the primary. What cannot be changed keeps nothing
  // else from it, is told, and is tried again for as long as this agent runs. Worker thread.
  void lead_here(Agent& agent, const Tell& tell, const std::function<bool()>& ended);

  // "names" of a server's status, and its problems, by the latest look.
  void add_status(const OperationContext& context, Json& status);

  // {"names": […], "problems": […]}, looked at now. Worker thread.
  Json look_now(Agent& agent);

private:
  struct Name {
    std::string name;
    dns::Records records;
    bool right = false;
  };

  struct Look {
    std::vector<Name> names;
    std::vector<std::string> problems;
    std::vector<dns::Change> changes; // that would make them right
  };

  // On the loop.
  bool due(Agent& agent, DutyKeeper& duties);
  // Worker thread.
  void work(Agent& agent);
  Look look(Agent& agent, const std::function<bool()>& ended);
  std::vector<std::string> change(Agent& agent, const std::vector<dns::Change>& changes, const Tell& tell,
                                  const std::function<bool()>& ended);
  void keep(Agent& agent, Look look);

  std::timed_mutex work_; // held by whoever changes names
  // ---- on the loop
  std::shared_ptr<Recurring> recurring_;
  bool pending_ = false; // names that this server could not change yet since it became the primary
  std::optional<std::chrono::nanoseconds> next_; // look, by the clock since the boot
  Look latest_;
};

// {"switch"?: true} -> {"names": [{"name", "a", "aaaa", "alias"?, "ttl", "right"}], "problems": [text]}; with `switch`,
// on the primary, names are made to lead to it first.
Operation dns_operation(std::shared_ptr<NameKeeper> keeper);

} // namespace tandem::agent
