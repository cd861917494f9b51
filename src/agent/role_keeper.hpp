// Keeps this server's role: feeds the protocol's rules with what happens, stores what they decide before anything
// follows from it, and sends their messages. What follows from the role is the duty keeper's. On the loop, but for what
// says otherwise.
#pragma once
#include "agent/agent.hpp"
#include "journal/state_file.hpp"
#include "role/keeping.hpp"

namespace tandem::agent {

class RoleKeeper {
public:
  struct Hooks {
    std::function<void()> stop = {};    // this server may not write any more: before anything is said
    std::function<void()> changed = {}; // an event was taken; the role may have changed
  };

  RoleKeeper(Agent& agent, Hooks hooks);

  // The first server of a new pair: epoch 1 is its own. Worker thread, before the server is a member.
  Result<void> found(const std::string& self);
  // What a server that joins is told, after it was taken among the members here. Any worker thread.
  Result<Json> admit(const std::string& server);
  // The joining server's side of admit(). Worker thread, before it is a member.
  Result<void> be_admitted(const std::string& self, const Json& admission);

  // That server is none of the pair's any more. Any worker thread.
  Result<void> dismiss(const std::string& server);

  // This server leaves the pair: nothing is taken or stored any more.
  void leave() { left_ = true; }

  // This server is a member and its network runs: it learns its role and takes up its duty. Where the disk does not
  // even take that it started, all stays as the agent before left it, and repeat() tries again.
  void start(const std::string& self);
  // The timer's, about once a second.
  void repeat();
  // Another server says this about roles.
  void take_message(const role::Message& message);
  void peer_changed(const std::string& server, bool connected);
  // Whatever else happens, the grant of a runbook for one. See role::Keeping for what comes first.
  role::Outcome take(const role::Event& event);
  // The run whose journal is read at the next start. After its first record is stored.
  Result<void> remember_run(const std::string& id);

  // This server belongs to a pair and has read its role.
  [[nodiscard]] bool known() const { return keeping_.booted() && !left_; }

  // It may serve, or might still by what the agent before it left.
  [[nodiscard]] bool entitled() const { return entitled_; }

  [[nodiscard]] const role::Role& role() const { return keeping_.role(); }

  [[nodiscard]] const role::Members& members() const { return keeping_.members(); }

  // {"situation", "epoch", "primary", "problem"?, "history"}
  [[nodiscard]] Json status() const;

private:
  void load();
  void boot();
  void send(const role::Message& message);
  void stop();
  void note_entitlement(bool serving);
  void note_problem();
  Result<void> store(const role::Kept& kept);
  Result<void> store_members(const role::Members& members);
  Result<role::Members> load_members(const std::string& self);

  Agent& agent_;
  Hooks hooks_;
  journal::StateFile role_file_;
  journal::StateFile members_file_;
  role::Keeping keeping_;
  std::string self_;
  bool loaded_ = false; // what the disk holds of the role makes sense
  bool left_ = false;
  bool entitled_ = false; // the file that says so to the next agent of this boot is there
  std::string problem_;
};

} // namespace tandem::agent
