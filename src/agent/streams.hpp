// Streams between servers: a program here talks to one that the agent over there starts. The near side is a command
// on the agent's socket ("stream"), whose standard input and output it carries.
#pragma once
#include "peer/network.hpp"
#include "system/linked_program.hpp"

namespace tandem::agent {

class Agent;

// Which program another server gets for the stream of a name: always a fixed one, of which at most parts that were
// checked come from `params`. On the loop; an error refuses the stream.
struct StreamProgram {
  std::function<Result<system::Command>(Agent&, const std::string& server, const peer::Json& params)> command;
  // A server has one at a time: a former one, which may not have seen yet that nobody listens, must not write beside
  // the new one. That is ended first.
  bool alone = false;
  // It works where the programs of this stream write: those whose connection has gone are ended first, and all of them
  // where the first of "arguments" is no_stream_word.
  std::string not_beside = {};
};

// Whoever opens the stream holds none of the other kind: what still runs of that is a former one, even where its
// connection seems to be there.
constexpr auto* no_stream_word = "--no-stream";

// Which of this server's own ports another one gets instead of a program.
using StreamPort = std::function<Result<std::uint16_t>(Agent&, const std::string& server)>;

// On the loop.
class Streams {
public:
  Streams(Agent& agent, std::map<std::string, StreamProgram> programs, std::map<std::string, StreamPort> ports)
      : agent_(agent), programs_(std::move(programs)), ports_(std::move(ports)) {}

  // Another server asks: starts the program and joins it to the connection.
  void accept(const peer::Request& request);
  // A command asks, {"server", "name", "params", "latch"?}: opens the stream there and joins the two connections, at
  // once or when the latch that it names is let go: the program over there has started then, and nothing passes yet.
  void pass_on(const peer::Request& request);
  // Commands that name this latch wait, until it is let go. Both idempotent. Whoever holds one and forgets it keeps
  // nobody waiting for ever: after `limit` what waits there is closed, and the latch is gone.
  void hold(const std::string& latch, peer::Duration limit);
  void let_go(const std::string& latch);
  // How many wait there.
  [[nodiscard]] std::size_t waiting(const std::string& latch) const;
  // Ends what other servers have started here: another server is the primary now, and what the former one still sends
  // must not come upon its files.
  void end_started();
  // How many of those programs have not ended yet.
  [[nodiscard]] std::size_t running() const;
  // All that are open end with this error.
  void close(const Error& why);

  [[nodiscard]] std::size_t open() const { return open_; }

private:
  struct Waiting {
    peer::Request request;
    peer::ConnectionPtr far;
  };

  // One is held while it is empty, too.
  struct Latch {
    std::vector<Waiting> waiting = {};
    peer::Timer forgotten = {};
  };

  using Time = std::chrono::steady_clock::time_point;

  Result<void> start(const peer::Request& request, Time asked);
  bool end_former(const std::string& server, const std::string& name, bool connected_too);
  bool end_formers(const peer::Request& request, const std::string& name, const StreamProgram& known);
  void start_later(const peer::Request& request, Time asked);
  Result<void> start_program(const peer::Request& request, const std::string& name, const StreamProgram& known,
                             Time asked);
  Result<void> connect(const peer::Request& request, const std::string& name, const StreamPort& known);
  void forget(const std::string& latch);
  peer::ConnectionPtr take_over(const peer::Request& request);
  void join(const peer::Request& request, const peer::ConnectionPtr& far);

  Agent& agent_;
  std::map<std::string, StreamProgram> programs_;
  std::map<std::string, StreamPort> ports_;
  std::vector<std::weak_ptr<peer::Connection>> local_; // of commands
  std::map<std::string, Latch> latches_;

  struct Started {
    std::string server; // for it
    std::string name;
    std::weak_ptr<system::LinkedProgram> program;
    bool connected = true;
  };

  std::vector<Started> started_;
  std::map<std::uint64_t, peer::Timer> later_;
  std::uint64_t next_later_ = 0;
  // By the other server and the stream's name.
  std::map<std::pair<std::string, std::string>, std::vector<std::weak_ptr<peer::Connection>>> to_ports_;
  std::size_t open_ = 0; // but for those
};

} // namespace tandem::agent
