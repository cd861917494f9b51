// The gate: where nginx asks, for each request that it may not serve by itself, which server is to answer it. Open,
// it answers at once; closed, it lets the request wait, thousands of them, until it is opened, until the hold limit
// or until the visitor has gone. It starts closed: only the role says otherwise.
//
// nginx itself looks for the file `serving` in the run folder first and asks the gate only when it is missing, so a
// server whose gate was never opened serves nothing.
//
// The answer: 200 with `X-Tandem-Target: NAME of the server`, or 503. A request that another server has passed on
// already (it asks for "/hop") is answered here or sent back with 403: one hop only. On the loop, all of it.
#pragma once
#include "peer/loop.hpp"
#include "system/files.hpp"

namespace tandem::agent {

struct GateState {
  enum class Mode {
    closed,   // requests wait
    open,     // `target` answers them
    refusing, // 503 at once: waiting would be of no use
  };
  Mode mode = Mode::closed;
  std::string target; // a server's name
  bool local = false; // it is this one's
  bool operator==(const GateState&) const = default;
};

// What a request is told now. Pure.
struct GateAnswer {
  enum class Kind { serve, hold, refuse, elsewhere };
  Kind kind = Kind::hold;
  std::string target;
};

// `hop`: another server has passed the request on.
GateAnswer answer(const GateState& state, bool hop);

struct GateFigures {
  std::size_t held = 0;       // waiting now
  std::uint64_t answered = 0; // with a target, since the start
  std::uint64_t waited = 0;   // of these, after waiting
  std::uint64_t expired = 0;  // told 503 at the hold limit
  std::uint64_t gone = 0;     // the visitor went away while waiting
  std::chrono::milliseconds longest_wait{0};
};

class Gate {
public:
  Gate(peer::Loop& loop, system::Files& files, std::string run_folder);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Takes over a listening unix socket (systemd's), or makes one at the path.
  Result<void> listen(std::optional<int> inherited, const std::string& path);
  // The longest that a request waits from now on. Those that wait already keep their limit.
  void set_hold_limit(peer::Duration limit);

  // This server answers: the file is written first, then everything that waits goes on, the oldest first and within a
  // moment.
  Result<void> open_local(const std::string& self);
  // New requests wait from here on; what nginx has let through goes on. The file is gone when it returns.
  Result<void> close();
  // The other server answers, what waits and what comes. A file of its name in `follows` in the run folder tells nginx
  // where to go when this agent does not answer.
  Result<void> open_to_peer(const std::string& peer);
  // To the server that the note in `follows` names, where there is one: this one has left the pair, and its visitors
  // are passed on.
  Result<void> open_as_before();
  // 503 to what waits and what comes.
  Result<void> refuse();

  [[nodiscard]] const GateState& state() const;
  [[nodiscard]] GateFigures figures() const;

private:
  Result<void> remove_file();
  Result<void> note_followed(const std::string& peer);
  void change(GateState state);

  system::Files& files_;
  std::string serving_file_;
  std::string follows_folder_;
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

} // namespace tandem::agent
