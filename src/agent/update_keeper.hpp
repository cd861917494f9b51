// Security updates by themselves ([host] security_updates): the primary has each standby installed them first, sees to
// it that it is well, and takes its own turn last.
#pragma once
#include "agent/agent.hpp"
#include "agent/recurring.hpp"

namespace tandem::agent {

class UpdateKeeper : public std::enable_shared_from_this<UpdateKeeper> {
public:
  // This server is a member. On the loop; the agent must outlive the loop's turning.
  void start(Agent& agent);

  // "updates" of a server's status, and its problems.
  void add_status(const OperationContext& context, Json& status);

  // ---- worker thread
  // All servers of the pair, the standbys first. -> {"servers": [{"name", "installed": [package], "waiting":
  // [package]}]}
  Result<Json> install_everywhere(OperationContext& context);
  // This server. -> {"installed", "waiting"}
  Result<Json> install_here(OperationContext& context);

private:
  // What this server knows of its updates, kept.
  struct Record {
    std::string day;                  // of the last turn of the pair that began here, local time
    std::string at;                   // the last time that this server installed them; "": never
    std::vector<std::string> waiting; // what it left then
    std::string problem;              // of the latest turn of the pair that began here
    bool broke = false;               // a standby was not well after it: not by itself again
  };

  Record load(Agent& agent);
  void change(Agent& agent, const std::function<void(Record&)>& work);
  bool due(Agent& agent);
  static std::vector<std::string> problems_now(Agent& agent);
  static Result<void> wait_until_well(OperationContext& context, const std::string& server,
                                      const std::vector<std::string>& before);
  Result<Json> in_turn(OperationContext& context, bool& broke);

  std::mutex record_work_;
  std::optional<Record> record_;
  std::shared_ptr<Recurring> recurring_;
};

void bind_updates(Settings& settings, std::vector<Operation>& operations);

} // namespace tandem::agent
