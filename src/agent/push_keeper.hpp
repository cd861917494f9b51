// Deploys what is pushed to the sites' branches ([[site]] webhook_secret_file). A push is on the disk before its
// sender is told that it was taken; from there on it waits for its turn through restarts, runbooks and changes of
// primary.
#pragma once
#include "agent/agent.hpp"
#include "agent/hook_door.hpp"
#include "agent/operations/releases.hpp"
#include "agent/pushes.hpp"
#include "agent/recurring.hpp"

namespace tandem::agent {

class PushKeeper : public std::enable_shared_from_this<PushKeeper> {
public:
  // This server is a member. On the loop; the agent must outlive the loop's turning.
  void start(Agent& agent);

  // "pushes" of a server's status, and its problems.
  void add_status(const OperationContext& context, Json& status);

  // ---- worker thread
  // A deploy of that site has ended, whoever asked for it.
  void deploy_ended(const OperationContext& context, const std::string& domain, const Result<Json>& result);
  // Between agents: {"pushes": what the server that asks has kept}. -> {}; they are on this one's disk.
  Result<Json> take_over(OperationContext& context);

private:
  // Answers one that was signed by nobody who knows the secret.
  HookAnswer turn_away(Agent& agent, const std::string& domain, const std::string& why);
  HookAnswer receive(Agent& agent, const HttpRequest& request);
  HookAnswer take(Agent& agent, const model::Site& site, const HttpRequest& request);
  bool turn(Agent& agent);
  void begin_ready(Agent& agent, const model::Pair& pair);
  void work(Agent& agent);
  Result<void> load(Agent& agent);
  void note(Agent& agent, const std::string& problem);
  void hand_over(Agent& agent);
  Result<void> change(Agent& agent, const std::function<void(PushBook&)>& what);

  // What wrong signatures of one site were told of.
  struct Refusals {
    std::chrono::nanoseconds told{0}; // by the clock since the boot
    std::uint64_t untold = 0;
  };

  std::mutex file_work_; // held while the file is read or written; taken before book_work_
  std::mutex book_work_; // held for a moment only, on the loop too
  // ---- guarded by book_work_
  PushBook book_;
  bool loaded_ = false;
  std::string problem_;
  std::map<std::string, std::chrono::nanoseconds> next_; // attempt, by site and the clock since the boot
  std::map<std::string, Refusals> refusals_;
  // ---- on the loop
  std::unique_ptr<HookDoor> door_;
  std::shared_ptr<Recurring> recurring_;
};

void bind_pushes(Settings& settings, std::vector<Operation>& operations, const std::shared_ptr<ReleaseWork>& releases);

} // namespace tandem::agent
