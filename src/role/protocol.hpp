// The rules of design "The role protocol", for any number of servers: which server may serve, and how that
// changes hands. Pure: no clock, no I/O. Every change is one row of a table (rules.cpp) whose sentence is what
// gets logged. tests/unit/role/model_check_test.cpp walks all states of small pairs over these very functions.
//
// A server that serves is the only one that does, because
//  - it stops and stores the next epoch's owner before it sends a grant, and is bound by it until the target's
//    stored refusal or answer (rows grant_decided, refusal, answer);
//  - after a start it serves only when it knows of every failover there was ("settled"): all the others, or one
//    that is settled itself, have answered this very start;
//  - a failover takes place only when every other server is truly off or has stored its promise.
#pragma once
#include "role/message.hpp"

#include <map>

namespace tandem::role {

// Who belongs to the pair. Names, unique; `others` without `self`.
struct Members {
  std::string self;
  std::vector<std::string> others;
};

// A failover that this server has begun: the epoch it will take, and who has promised so far.
struct Candidacy {
  Epoch epoch = 0;
  std::set<std::string> promised;
  bool operator==(const Candidacy&) const = default;
};

// What holds since the agent's start and is forgotten with it.
struct Session {
  bool serving = false;                     // this server is entitled to serve
  bool settled = false;                     // it knows of every failover there was
  std::map<std::string, Incarnation> peers; // the others' boots that it has a session with
  std::set<std::string> answered;           // those that have answered since
  std::optional<Candidacy> candidacy;
  Epoch promisable = 0; // some server has said that it can promise no epoch below this one; 0: none has
  bool operator==(const Session&) const = default;
};

struct Role {
  Kept kept;
  Session session;
  bool operator==(const Role&) const = default;
};

// In which of these a server is follows from its Role; the rows of the table lead from one to another.
enum class Situation {
  waiting,  // does not serve: it does not know enough yet, or it is to hear from the others first
  standby,  // another server is the primary
  serving,  // this server is the primary and may write
  granting, // it gave the next epoch away and has no answer: it does not serve
  conflict, // another server claims the same epoch: neither serves, a person chooses
};

[[nodiscard]] Situation situation_of(const Members& members, const Role& role);
[[nodiscard]] std::string_view name_of(Situation situation);
// Settled and not bound by a promise: its word lets another server serve.
[[nodiscard]] bool vouches(const Role& role);

enum class EventKind {
  boot,          // the agent starts; `still_serving`: PostgreSQL and the gate went on without it on this same boot
  hello,         // the messages, one each
  answer,        //
  grant,         //
  ask_refusal,   //
  refusal,       //
  ask_promise,   //
  promise,       //
  repeat,        // the agent's timer, about once a second
  grant_decided, // the runbook's grant: the next epoch is `server`'s
  take_back,     // the operator wants the granted epoch back, if the other has not taken it
  prepare,       // the operator's failover comes: ask for the promises that it needs, and take over nothing yet
  give_up,       // the failover that was prepared does not take place
  failover,      // the operator: take over; `off` names the servers that are truly off or fenced
};

struct Event {
  EventKind kind = EventKind::boot;
  Message message = {};           // of the message events
  bool still_serving = false;     // boot
  std::string server = {};        // grant_decided: to whom
  std::set<std::string> off = {}; // prepare, failover
  bool insist = false;            // prepare, failover: a server that serves is to stop for it
  Epoch at_least = 0;             // prepare, failover: the epoch to take, where no higher one is needed
  bool no_loss = false;           // grant_decided, prepare, failover: only a server of the in-sync set may take over
  Change note = {};               // reason, time and WAL position, where the event can change the primary
};

[[nodiscard]] Event event_of(const Message& message);

// What a server says first on every connection, whatever it is: the other may know neither its present boot nor its
// epoch, and a serving server asks nobody by itself.
[[nodiscard]] Message hello_to(const std::string& server, const Members& members, const Role& role);

// What the agent has to do besides storing and sending; each is idempotent.
enum class Action {
  serve,       // this server may serve: become (or go on as) primary
  stop,        // stop writing at once
  follow,      // be a standby of kept.primary; rejoin when this server has later writes of its own
  ask_operator // tell that a person has to choose
};

[[nodiscard]] std::string_view name_of(Action action);

// The epoch that this server would take by failover now, and the servers that may still serve then: those that are
// neither off nor have promised.
[[nodiscard]] Epoch failover_epoch(const Role& role, Epoch at_least);
[[nodiscard]] std::vector<std::string> uncovered(const Members& members, const Role& role, const Event& event);

struct Row;

// One application of a row. The order is binding: store `role.kept` if `store`, then messages and actions.
// `stop` may and should be done before the store.
struct Outcome {
  Role role;
  bool store = false;
  std::vector<Message> messages;
  std::vector<Action> actions;
  const Row* row = nullptr; // which rule it was
  std::string sentence;     // for the log, the history and the operator
  bool refused = false;     // an operator's wish that was not granted; `sentence` says why
};

// For the tests that show that each rule is needed; the agent uses the default.
struct Policy {
  bool refusals_bind = true;     // a refused grant is never taken
  bool answers_name_boot = true; // an answer to an earlier boot is ignored
  bool sessions_bind = true;     // grants and refusals count only between the two boots they name
  bool all_must_answer = true;   // after a start, one unsettled answer among several is not enough
  bool promises_bind = true;     // a promise ends the vouching for others
};

// Applies the one row that matches. Total: every event in every state has one.
[[nodiscard]] Outcome transition(const Members& members, const Role& role, const Event& event,
                                 const Policy& policy = {});

} // namespace tandem::role
