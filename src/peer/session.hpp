// One conversation over one connection: hello both ways, then requests in either direction, each answered once,
// with events in between. Whatever breaks the rules ends the session with an error, and nothing is done for it.
// On the loop, all of it.
#pragma once
#include "peer/connection.hpp"
#include "peer/loop.hpp"
#include "peer/message.hpp"

#include <map>

namespace tandem::peer {

// Who is at the other end.
enum class Caller {
  command,  // a program on this server, over the unix socket
  peer,     // another server of the pair, proved by its certificate
  stranger, // somebody without a certificate: may only ask to join
};
std::string_view name_of(Caller caller);

struct Timing {
  Duration hello = std::chrono::seconds(10);       // the longest wait for the other side's hello
  Duration beat = std::chrono::seconds(1);         // a sign of life is sent that often
  Duration silence = std::chrono::seconds(5);      // without any message that long, the connection counts as lost
  Duration retry = std::chrono::milliseconds(200); // first wait before a server is dialed again, doubled each time
  Duration slowest_retry = std::chrono::seconds(5);
  Duration connect = std::chrono::seconds(5);
};

class Session;

// A request that came in, to be answered once; may be kept as long as the answer takes, and answers to a session
// that has ended are dropped. Copies answer the same request. On the loop.
class Request {
public:
  Request(std::weak_ptr<Session> session, std::uint64_t id, Caller caller, std::string from, std::string method,
          Payload params);

  [[nodiscard]] Caller caller() const { return caller_; }

  [[nodiscard]] const std::string& from() const { return from_; } // the server, or where the command is

  [[nodiscard]] const std::string& method() const { return method_; }

  [[nodiscard]] const Json& params() const { return *params_; }

  // Whether the session over which it came is still there.
  [[nodiscard]] bool is_heard() const { return !session_.expired(); }

  // Whether it came over a connection that is to carry a stream.
  [[nodiscard]] bool stream() const;
  [[nodiscard]] ConnectionPtr connection() const;
  void event(const Json& data) const;
  void answer(Result<Json> result) const;

  // Answers {} and ends the session, whose connection from here on carries a stream. Null when it is gone already.
  [[nodiscard]] ConnectionPtr accept_stream() const;

private:
  std::weak_ptr<Session> session_;
  std::uint64_t id_;
  Caller caller_;
  std::string from_;
  std::string method_;
  Payload params_;
};

class Session : public std::enable_shared_from_this<Session> {
public:
  struct Hooks {
    // Our standing at this moment; put on every message. Not called for commands.
    std::function<Standing()> standing;
    // The other side's standing, as each of its messages tells it. Before the message itself is looked at.
    std::function<void(const std::string& server, const Standing&)> met;
    // Whether to go on with a sender of this hello.
    std::function<Result<void>(const Hello&)> check;
    // Hello went both ways.
    std::function<void(const std::shared_ptr<Session>&)> on_open;
    std::function<void(Request)> on_request;
    // Once, for every end but our own close(); also when it never opened.
    std::function<void(const std::shared_ptr<Session>&, const Error&)> on_closed;
  };

  using OnEvent = std::function<void(const Json&)>;
  using OnAnswer = std::function<void(Result<Json>)>;

  Session(Loop& loop, ConnectionPtr connection, Caller caller, Hello own, Timing timing, Hooks hooks);

  // Sends our hello and waits for the other's. Call once.
  void start();
  // Asks the other side. The answer comes exactly once: its own, unavailable when the session ends or the time
  // limit passes (what the other side then does with the request is unknown).
  void call(const std::string& method, const Json& params, OnEvent on_event, OnAnswer on_answer, Duration time_limit);
  // Tells the other side our standing now instead of at the next message.
  void beat();
  // Ends the session but not its connection, which now carries whatever its new owner agreed on. Open calls get an
  // error. The connection is paused until the new owner redirects and resumes it.
  ConnectionPtr release();
  // Ends it; what was sent is delivered, open calls get `why`.
  void close(Error why);

  [[nodiscard]] bool open() const { return state_ == State::open; }

  [[nodiscard]] Caller caller() const { return caller_; }

  // The other side's hello; empty before it came.
  [[nodiscard]] const Hello& other() const { return other_; }

  // The other side in messages: the server's name, or where it is.
  [[nodiscard]] const std::string& label() const { return label_; }

  [[nodiscard]] const ConnectionPtr& connection() const { return connection_; }

private:
  friend class Request;
  enum class State { fresh, waiting_for_hello, open, closed };

  struct Call {
    OnEvent on_event;
    OnAnswer on_answer;
    Timer limit;
  };

  void send(Message message);
  void take_frame(std::string payload);
  Result<void> take(Message message);
  Result<void> take_standing(const Message& message);
  Result<void> take_hello(const Message& message);
  Result<void> take_request(Message message);
  Result<void> take_event(const Message& message);
  Result<void> take_response(Message message);
  void answer(std::uint64_t id, Result<Json> result);
  void event(std::uint64_t id, const Json& data);
  void keep_alive();
  void watch_silence();
  void end(const Error& why, bool ours);
  void end_without_a_word(const Error& why);
  void finish(const Error& why, bool ours, bool keep_connection = false);

  Loop& loop_;
  ConnectionPtr connection_;
  Caller caller_;
  Hello own_;
  Timing timing_;
  Hooks hooks_;
  State state_ = State::fresh;
  Hello other_;
  std::string label_;
  std::uint64_t last_asked_ = 0; // the id of our latest request
  std::uint64_t last_heard_ = 0; // the id of the other side's latest request
  std::map<std::uint64_t, Call> calls_;
  std::set<std::uint64_t> unanswered_; // the other side's requests
  bool heard_since_check_ = false;
  Timer hello_limit_;
  Timer beat_;
  Timer silence_;
};

} // namespace tandem::peer
