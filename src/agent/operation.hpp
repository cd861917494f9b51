// What the agent can be asked to do. An operation is one file in operations/; it runs on a worker thread, goes on
// when the command that started it goes away, and reaches the agent's state only through its context.
#pragma once
#include "model/pair.hpp"
#include "peer/network.hpp"
#include "system/ports.hpp"

#include <atomic>

namespace tandem::agent {

using peer::Caller;
using peer::Json;

class Agent;
class OperationContext;

// An operation ends what holds one of its locks and is less urgent.
enum class Urgency {
  own,   // an agent's own, for itself or between agents: refused rather than waiting, ended for a person's
  asked, // for by a person
};

struct Operation {
  std::string name;                 // "status"; those between agents have two words: "config.put"
  std::set<Caller> callers;         // who may ask for it
  std::set<std::string> locks = {}; // operations with a lock in common exclude each other
  Urgency urgency = Urgency::asked;
  bool needs_pair = true; // refused before init or join
  bool apart = false;     // never at the same time as a runbook
  std::function<Result<Json>(OperationContext&)> run;
};

// The agent's state at one moment.
struct Snapshot {
  std::string pair_id; // empty: this server belongs to no pair yet
  std::string server;
  std::string boot_id;
  std::string version;
  std::string problem; // why peers cannot reach this agent; empty: they can
  peer::Standing standing;
  std::shared_ptr<const model::Pair> pair; // as last loaded; may be null when the file cannot be read
  std::vector<peer::PeerState> peers;
};

// One operation under way, shared by the loop and its worker thread.
struct Run {
  Run(std::uint64_t run_id, const Operation& what, peer::Request asked)
      : id(run_id), operation(what), request(std::move(asked)) {}

  const std::uint64_t id;
  const Operation& operation;
  const peer::Request request; // answered and told events on the loop only; its parameters are read anywhere
  std::string started;         // wall time, for a person
  std::atomic<bool> cancelled = false;
};

// On the operation's worker thread; no other.
class OperationContext {
public:
  OperationContext(Agent& agent, std::shared_ptr<Run> run) : agent_(agent), run_(std::move(run)) {}

  [[nodiscard]] const Json& params() const { return run_->request.params(); }

  [[nodiscard]] Caller caller() const { return run_->request.caller(); }

  // The server that asks, or where the command is.
  [[nodiscard]] const std::string& from() const { return run_->request.from(); }

  [[nodiscard]] system::Ports& ports() const;

  [[nodiscard]] Agent& agent() const { return agent_; }

  // One line of progress for whoever watches. Dropped when nobody does any more.
  void report(std::string_view line) const;
  // Progress that a program reads: an object; {"line": …} is what report(line) sends.
  void report_event(const Json& event) const;

  // One line for the agent's own log.
  void log(const std::string& line) const;
  // What went wrong with the latest operation of that name here, for status, until one goes well: "".
  void remember(const std::string& what, const std::string& failure) const;

  // The agent stops, or somebody asked for an end: finish the step at hand and return an error.
  [[nodiscard]] bool cancelled() const { return run_->cancelled; }

  // Whether whoever asked can still hear the answer.
  [[nodiscard]] bool is_heard() const;

  [[nodiscard]] Snapshot snapshot() const;
  // Reads tandem.toml anew; the agent goes on with what it says.
  Result<std::shared_ptr<const model::Pair>> load_pair() const;

  // Asks another server and waits. Events come on this thread.
  Result<Json> call_peer(const std::string& server, const std::string& method, const Json& params,
                         const std::function<void(const Json&)>& on_event = {}, peer::CallOptions options = {}) const;
  // Asks several at once, each with the same; `on_answer` is called here once for each of them, as they come. One that
  // has not answered when the operation is to end is not waited for; what it was asked to do may go on there.
  using OnPeerEvent = std::function<void(const std::string& server, const Json& event)>;
  using OnPeerAnswer = std::function<void(const std::string& server, Result<Json> answer)>;
  void call_peers(const std::vector<std::string>& servers, const std::string& method, const Json& params,
                  const OnPeerEvent& on_event, const OnPeerAnswer& on_answer, peer::CallOptions options = {}) const;

private:
  Agent& agent_;
  std::shared_ptr<Run> run_;
};

// For an agent's own look at the pair, which no status lists and nobody ends.
OperationContext look_context(Agent& agent);

// {"servers": [own, those of the others…]}: each other server's answer to `method`, which names itself as `own`
// does, or {"name", "problem"} where it gives none. Worker thread.
Json gather_from_servers(const OperationContext& context, Json own, const std::string& method, const Json& params);

// Asks another server and waits. Events come on the calling thread, which must not be the loop's.
Result<Json> ask_server(Agent& agent, const std::string& server, const std::string& method, const Json& params,
                        peer::CallOptions options = {}, const std::function<void(const Json&)>& on_event = {});

// Adds what one subject knows about this server to its status (an object). On a worker thread.
using StatusPart = std::function<void(const OperationContext&, Json& server)>;

} // namespace tandem::agent
