// Keeps this server's role: feeds the protocol's rules with what happens, stores what they decide before anything
// follows from it, sends their messages and sets this server to its duty. On the loop, but for what says otherwise.
#pragma once
#include "agent/agent.hpp"
#include "journal/state_file.hpp"
#include "role/protocol.hpp"

namespace tandem::agent {

// What a server does by its role. Each blocks, is idempotent and may be called again at any time; worker thread.
struct Duties {
  std::function<Result<void>()> serve = {};                            // be the primary
  std::function<Result<void>()> stop = {};                             // stop writing at once
  std::function<Result<void>(const std::string& primary)> follow = {}; // be a standby of that server
};

class RoleKeeper {
public:
  RoleKeeper(Agent& agent, Duties duties);

  // The first server of a new pair: epoch 1 is its own. Worker thread, before the server is a member.
  Result<void> found(const std::string& self);
  // What a server that joins is told, after it was taken among the members here. Any worker thread.
  Result<Json> admit(const std::string& server);
  // The joining server's side of admit(). Worker thread, before it is a member.
  Result<void> be_admitted(const std::string& self, const Json& admission);

  // This server is a member and its network runs: it learns its role and takes up its duty.
  void start(const std::string& self);
  // Another server says this about roles.
  void take_message(const role::Message& message);
  void peer_changed(const std::string& server, bool connected);

  [[nodiscard]] const role::Role& role() const { return role_; }

  [[nodiscard]] const role::Members& members() const { return members_; }

  // {"situation", "epoch", "primary", "duty", "duty_problem"?, "history"}
  [[nodiscard]] Json status() const;

private:
  void take(const role::Event& event);
  void announce(const role::Outcome& outcome);
  void act(const std::vector<role::Action>& actions);
  void begin_duty();
  void duty_ended(const std::string& what, const Result<void>& result);
  void tick();
  Result<void> store(const role::Kept& kept);
  Result<void> store_members(const role::Members& members);
  Result<role::Members> load_members(const std::string& self);

  Agent& agent_;
  Duties duties_;
  journal::StateFile role_file_;
  journal::StateFile members_file_;
  role::Members members_;
  role::Role role_;
  peer::Timer ticking_;
  std::optional<role::Action> wanted_; // the duty to take up next
  std::string duty_;                   // the one that was taken up last, "" before
  std::string duty_problem_;           // why it is not fulfilled; tried again at each tick
  bool working_ = false;               // a duty is being taken up on a worker thread
};

} // namespace tandem::agent
