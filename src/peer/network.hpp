// This server's connections to all others of the pair: it listens, dials each of them again and again, and carries
// requests both ways. Two connections may stand between two servers, one dialed by each; requests go out on the
// one that we dialed, or on the other one while that is down.
#pragma once
#include "peer/session.hpp"
#include "peer/transport.hpp"

#include <optional>
#include <vector>

namespace tandem::peer {

struct Member {
  std::string name;
  Address address;
  bool operator==(const Member&) const = default;
};

struct NetworkSettings {
  Hello own;
  Identity identity;
  Address listen; // an empty host: all addresses
  std::vector<Member> others;
  Timing timing = {};
};

// What is known of one other server, for status and for decisions.
struct PeerState {
  std::string name;
  bool connected = false;
  Hello hello = {};                      // its latest, while connected
  std::optional<Standing> standing = {}; // the latest heard from it since we started
  std::string problem = {};              // why it is not connected; empty when it is
};

struct CallOptions {
  Duration time_limit = std::chrono::seconds(30);
  // Only to this boot of the server: refused when another one is connected by now.
  std::optional<std::string> boot_id = {};
};

class Network {
public:
  struct Hooks {
    std::function<void(Request)> on_request;
    // Another server wants a stream: params are {"name", "params"}. Answer with an error or accept_stream().
    std::function<void(Request)> on_stream = {};
    // A message of the server told this standing.
    std::function<void(const std::string& server, const Standing&)> met = {};
    // A server came or went.
    std::function<void(const std::string& server, bool connected)> on_change = {};
    // Whether somebody without a certificate may connect to ask to join.
    std::function<bool()> strangers = {};
    std::function<void(const std::string& line)> log = {};
  };

  Network(Loop& loop, NetworkSettings settings, Hooks hooks);
  ~Network(); // closes everything; open calls get unavailable
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // ---- on the loop
  Result<void> start();
  [[nodiscard]] std::uint16_t port() const; // the latest that it listens on
  // There too from now on. Where it listened before it goes on to: a server that was away still knows that only.
  Result<void> listen_on(const Address& where);
  // The pair's file changed: servers that are gone from it are disconnected, new ones dialed. One whose address has
  // changed is dialed there from now on; a connection that stands is proven by its certificate and goes on.
  void set_others(std::vector<Member> others);
  // What our messages say from now on; told to all at once, not only with the next beat.
  void set_standing(Standing standing);
  [[nodiscard]] std::vector<PeerState> peers() const;
  // on_answer is called exactly once, on the loop. Errors of kind unavailable leave open whether it was done.
  void call(const std::string& server, const std::string& method, const Json& params, Session::OnEvent on_event,
            Session::OnAnswer on_answer, CallOptions options = {});
  // A connection of its own to that server, which has accepted the stream of that name and carries frames of bytes
  // (stream.hpp) from here on. Paused: redirect it, then resume it. on_open is called once, on the loop.
  using OnStream = std::function<void(Result<ConnectionPtr>)>;
  void open_stream(const std::string& server, const std::string& name, const Json& params, OnStream on_open);
  // Refuses everything from now on; streams end as well.
  void close(const Error& why);

private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

// One request to a server that this one does not belong to yet, trusting the authority with that fingerprint. The
// answer comes once, on the loop.
void ask_as_stranger(Loop& loop, const Address& where, const std::string& authority_fingerprint, Hello own,
                     const std::string& method, const Json& params, Session::OnEvent on_event,
                     Session::OnAnswer on_answer, Duration time_limit);

} // namespace tandem::peer
