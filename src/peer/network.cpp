#include "peer/network.hpp"

#include <nlohmann/json.hpp>

namespace tandem::peer {

namespace {

constexpr std::size_t most_strangers = 16;
constexpr std::chrono::seconds stranger_limit{30};

} // namespace

// Shared with the callbacks, which hold it weakly: they do nothing once the network is gone.
struct Network::Parts : std::enable_shared_from_this<Network::Parts> {
  struct Other {
    Member member;
    std::shared_ptr<Session> dialed;
    std::shared_ptr<Session> accepted;
    std::uint64_t dialing = 0; // which of our attempts is under way; 0: none
    Duration wait{};
    Timer retry;
    std::optional<Standing> standing;
    std::string problem = "not connected yet";
    bool connected = false;

    [[nodiscard]] Session* best() const {
      if (dialed && dialed->open()) return dialed.get();
      return accepted && accepted->open() ? accepted.get() : nullptr;
    }
  };

  Parts(Loop& loop_, NetworkSettings settings_, Hooks hooks_)
      : loop(loop_), settings(std::move(settings_)), hooks(std::move(hooks_)) {}

  Loop& loop;
  NetworkSettings settings;
  Hooks hooks;
  std::vector<std::unique_ptr<Listener>> listeners; // the latest one last
  std::map<std::string, Other> others;
  std::uint64_t last_attempt = 0;
  std::set<std::shared_ptr<Session>> arriving; // accepted, no hello yet; and those that wait for their stream
  std::set<std::shared_ptr<Session>> strangers;
  std::vector<std::weak_ptr<Connection>> streams;
  std::map<std::shared_ptr<Session>, Timer> stranger_limits;
  Standing standing;
  std::optional<Error> closed;

  void log(const std::string& line) const {
    if (hooks.log) hooks.log(line);
  }

  Other* find(const std::string& server) {
    const auto found = others.find(server);
    return found == others.end() ? nullptr : &found->second;
  }

  Session::Hooks session_hooks(bool dialed) {
    const auto weak = weak_from_this();
    Session::Hooks made;
    made.standing = [weak] {
      const auto self = weak.lock();
      return self ? self->standing : Standing{};
    };
    made.met = [weak](const std::string& server, const Standing& theirs) {
      if (const auto self = weak.lock()) self->meet(server, theirs);
    };
    made.check = [weak](const Hello& hello) -> Result<void> {
      const auto self = weak.lock();
      return self ? self->check(hello) : fail(ErrorKind::unavailable, "the agent stops");
    };
    made.on_open = [weak, dialed](const std::shared_ptr<Session>& session) {
      if (const auto self = weak.lock()) self->opened(session, dialed);
    };
    made.on_request = [weak](const Request& request) {
      if (const auto self = weak.lock()) self->take(request);
    };
    made.on_closed = [weak](const std::shared_ptr<Session>& session, const Error& why) {
      if (const auto self = weak.lock()) self->lost(session, why);
    };
    return made;
  }

  Result<void> check(const Hello& hello) {
    if (hello.pair_id != settings.own.pair_id)
      return fail(ErrorKind::refused, fmt::format("\"{}\" belongs to another pair", hello.server));
    if (find(hello.server) == nullptr)
      return fail(ErrorKind::refused, fmt::format("\"{}\" is no other server of this pair", hello.server),
                  "Its name must stand in tandem.toml, which `tandem apply` hands out");
    return {};
  }

  void take(const Request& request) {
    if (!request.stream()) {
      if (hooks.on_request) hooks.on_request(request);
      return;
    }
    if (request.method() != "stream" || !hooks.on_stream)
      return request.answer(fail(ErrorKind::refused, "this connection is for one stream"));
    keep_stream(request.connection());
    std::erase_if(arriving, [&](const auto& session) { return session->connection() == request.connection(); });
    hooks.on_stream(request);
  }

  void keep_stream(const ConnectionPtr& connection) {
    std::erase_if(streams, [](const auto& stream) { return stream.expired(); });
    streams.push_back(connection);
  }

  void meet(const std::string& server, const Standing& theirs) {
    Other* other = find(server);
    if (other == nullptr) return;
    other->standing = theirs;
    if (hooks.met) hooks.met(server, theirs);
  }

  // ---- dialing

  void dial(const std::string& server) {
    Other* other = find(server);
    if (closed || other == nullptr || other->dialing != 0 || other->dialed) return;
    other->dialing = ++last_attempt;
    dial_tls(loop, other->member.address, settings.identity, server, settings.timing.connect,
             [weak = weak_from_this(), server, attempt = last_attempt](Result<ConnectionPtr> connection) {
               if (const auto self = weak.lock())
                 self->dialed(server, attempt, std::move(connection));
               else if (connection)
                 (*connection)->close();
             });
  }

  void dialed(const std::string& server, std::uint64_t attempt, Result<ConnectionPtr> connection) {
    Other* other = find(server);
    // A server that left the pair and came back meanwhile is being dialed by a later attempt.
    if (closed || other == nullptr || other->dialing != attempt) {
      if (connection) (*connection)->close();
      return;
    }
    other->dialing = 0;
    if (!connection) {
      other->problem = fmt::format("{}: {}", to_text(other->member.address), connection.error().message);
      return dial_later(*other);
    }
    other->dialed = std::make_shared<Session>(loop, std::move(*connection), Caller::peer, settings.own, settings.timing,
                                              session_hooks(true));
    other->dialed->start();
  }

  void dial_later(Other& other) {
    const auto& timing = settings.timing;
    other.wait = other.wait == Duration{} ? timing.retry : std::min(other.wait * 2, timing.slowest_retry);
    other.retry = loop.after(other.wait, [weak = weak_from_this(), server = other.member.name] {
      if (const auto self = weak.lock()) self->dial(server);
    });
  }

  // ---- accepting

  void accept(ConnectionPtr connection) {
    if (closed) return connection->close();
    if (connection->name().empty()) return accept_stranger(std::move(connection));
    Other* other = find(connection->name());
    auto session =
        std::make_shared<Session>(loop, connection, Caller::peer, settings.own, settings.timing, session_hooks(false));
    arriving.insert(session);
    session->start();
    if (other == nullptr) {
      arriving.erase(session);
      session->close(check(Hello{settings.own.pair_id, connection->name(), {}, {}}).error());
      return log(
          fmt::format("refused {} at {}: no other server of this pair", connection->name(), connection->where()));
    }
  }

  void accept_stranger(ConnectionPtr connection) {
    if (strangers.size() >= most_strangers) return connection->close();
    Session::Hooks made = session_hooks(false);
    made.check = nullptr;
    made.on_open = nullptr;
    made.met = nullptr;
    auto session = std::make_shared<Session>(loop, std::move(connection), Caller::stranger, settings.own,
                                             settings.timing, std::move(made));
    strangers.insert(session);
    stranger_limits[session] = loop.after(stranger_limit, [weak = weak_from_this(), guest = std::weak_ptr(session)] {
      const auto self = weak.lock();
      const auto late = guest.lock();
      if (!self || !late) return;
      late->close(Error{ErrorKind::unavailable, "the time to join is over", {}});
      self->forget_stranger(late);
    });
    session->start();
  }

  void forget_stranger(const std::shared_ptr<Session>& session) {
    stranger_limits.erase(session);
    strangers.erase(session);
  }

  // ---- coming and going

  void opened(const std::shared_ptr<Session>& session, bool dialed_by_us) {
    Other* other = find(session->other().server);
    if (other == nullptr || session->other().stream) return;
    if (!dialed_by_us) {
      arriving.erase(session);
      // One accepted connection a server: the newer one is the one whose other end still lives.
      if (const auto older = std::exchange(other->accepted, session))
        older->close(Error{ErrorKind::unavailable, "a newer connection has taken its place", {}});
    }
    if (dialed_by_us) {
      other->wait = Duration{};
    } else if (!other->dialed) { // it lives: no reason to wait longer
      other->retry.cancel();
      other->wait = Duration{};
      loop.post([weak = weak_from_this(), server = other->member.name] {
        if (const auto self = weak.lock()) self->dial(server);
      });
    }
    other->problem.clear();
    tell_change(*other);
  }

  void lost(const std::shared_ptr<Session>& session, const Error& why) {
    if (session->caller() == Caller::stranger) return forget_stranger(session);
    arriving.erase(session);
    for (auto& [name, other] : others) {
      if (other.accepted == session) other.accepted.reset();
      if (other.dialed == session) {
        other.dialed.reset();
        if (!closed) dial_later(other);
      }
      if (name == session->connection()->name() && other.best() == nullptr) {
        other.problem = why.message;
        tell_change(other);
      }
    }
  }

  void tell_change(Other& other) {
    const bool connected = other.best() != nullptr;
    if (connected == other.connected) return;
    other.connected = connected;
    log(connected ? fmt::format("{} is connected", other.member.name)
                  : fmt::format("{} is lost: {}", other.member.name, other.problem));
    if (hooks.on_change) hooks.on_change(other.member.name, connected);
  }

  void drop(Other& other, const Error& why) {
    other.retry.cancel();
    if (const auto session = std::exchange(other.dialed, nullptr)) session->close(why);
    if (const auto session = std::exchange(other.accepted, nullptr)) session->close(why);
  }

  void move_to(Other& other, Member member) {
    if (other.member == member) return;
    other.member = std::move(member);
    if (other.dialed) return;
    other.retry.cancel();
    other.wait = Duration{};
    dial(other.member.name); // one that is being dialed at the old address is dialed here when that has failed
  }

  void set_others(std::vector<Member> wanted) {
    std::map<std::string, Member> by_name;
    for (auto& member : wanted)
      by_name[member.name] = std::move(member);
    for (auto it = others.begin(); it != others.end();) {
      const auto kept = by_name.find(it->first);
      if (kept != by_name.end()) {
        move_to(it->second, std::move(kept->second));
        by_name.erase(kept);
        ++it;
        continue;
      }
      drop(it->second, Error{ErrorKind::unavailable, "it is no longer a server of this pair", {}});
      it = others.erase(it);
    }
    for (auto& [name, member] : by_name) {
      others[name].member = std::move(member);
      dial(name);
    }
  }

  // ---- streams of our own

  void open_stream(const std::string& server, const Json& params, const OnStream& on_open) {
    const Other* other = find(server);
    if (closed || other == nullptr) {
      loop.post([on_open, server] {
        on_open(fail(ErrorKind::unavailable, fmt::format("there is no connection to {}", server)));
      });
      return;
    }
    dial_tls(loop, other->member.address, settings.identity, server, settings.timing.connect,
             [weak = weak_from_this(), params, on_open](Result<ConnectionPtr> connection) {
               if (!connection) return on_open(std::unexpected(std::move(connection).error()));
               if (const auto self = weak.lock()) return self->ask_for_stream(std::move(*connection), params, on_open);
               (*connection)->close();
               on_open(fail(ErrorKind::unavailable, "the agent stops"));
             });
  }

  void ask_for_stream(ConnectionPtr connection, const Json& params, const OnStream& on_open) {
    Hello own = settings.own;
    own.stream = true;
    Session::Hooks made = session_hooks(true);
    made.on_request = nullptr;
    made.on_open = [weak = weak_from_this(), params, on_open,
                    limit = settings.timing.connect](const std::shared_ptr<Session>& session) {
      const auto answered = [weak, on_open, asked = std::weak_ptr(session)](const Result<Json>& answer) {
        const auto self = weak.lock();
        const auto session = asked.lock();
        if (self && session) self->arriving.erase(session);
        if (answer && (!self || !session)) return on_open(fail(ErrorKind::unavailable, "the agent stops"));
        if (!answer) {
          if (session) session->close(Error{ErrorKind::unavailable, "no stream", {}});
          return on_open(std::unexpected(answer.error()));
        }
        const ConnectionPtr stream = session->release();
        self->keep_stream(stream);
        on_open(stream);
      };
      session->call("stream", params, {}, answered, limit);
    };
    made.on_closed = [weak = weak_from_this(), on_open](const std::shared_ptr<Session>& session, const Error& why) {
      if (const auto self = weak.lock()) self->arriving.erase(session);
      if (session->other().server.empty()) on_open(std::unexpected(why)); // else the call has had its answer
    };
    auto session = std::make_shared<Session>(loop, std::move(connection), Caller::peer, std::move(own), settings.timing,
                                             std::move(made));
    arriving.insert(session);
    session->start();
  }

  void close(const Error& why) {
    if (closed) return;
    closed = why;
    listeners.clear();
    for (auto& [name, other] : others)
      drop(other, why);
    for (const auto& session : std::exchange(arriving, {}))
      session->close(why);
    for (const auto& session : std::exchange(strangers, {}))
      session->close(why);
    stranger_limits.clear();
    for (const auto& stream : std::exchange(streams, {}))
      if (const auto connection = stream.lock()) connection->abort(why);
  }
};

Network::Network(Loop& loop, NetworkSettings settings, Hooks hooks)
    : parts_(std::make_shared<Parts>(loop, std::move(settings), std::move(hooks))) {}

Network::~Network() {
  close(Error{ErrorKind::unavailable, "the agent stops", {}});
}

Result<void> Network::start() {
  TANDEM_CHECK(listen_on(parts_->settings.listen));
  parts_->set_others(parts_->settings.others);
  return {};
}

Result<void> Network::listen_on(const Address& where) {
  const auto same = std::ranges::find(parts_->listeners, where.port, [](const auto& one) { return one->port(); });
  if (same != parts_->listeners.end()) { // it was left for another one and is returned to
    std::rotate(same, same + 1, parts_->listeners.end());
    return {};
  }
  TANDEM_TRY(auto listener, listen_tls(
                                parts_->loop, where, parts_->settings.identity,
                                [weak = std::weak_ptr(parts_)] {
                                  const auto self = weak.lock();
                                  return self && self->hooks.strangers && self->hooks.strangers();
                                },
                                [weak = std::weak_ptr(parts_)](ConnectionPtr connection) {
                                  if (const auto self = weak.lock()) self->accept(std::move(connection));
                                }));
  parts_->listeners.push_back(std::move(listener));
  return {};
}

std::uint16_t Network::port() const {
  return parts_->listeners.empty() ? 0 : parts_->listeners.back()->port();
}

void Network::set_others(std::vector<Member> others) {
  parts_->set_others(std::move(others));
}

void Network::set_standing(Standing standing) {
  if (parts_->standing == standing) return;
  parts_->standing = std::move(standing);
  for (auto& [name, other] : parts_->others)
    if (Session* session = other.best()) session->beat();
}

std::vector<PeerState> Network::peers() const {
  std::vector<PeerState> states;
  for (const auto& [name, other] : parts_->others) {
    PeerState state{.name = name, .standing = other.standing, .problem = other.problem};
    if (const Session* session = other.best()) {
      state.connected = true;
      state.hello = session->other();
      state.problem.clear();
    }
    states.push_back(std::move(state));
  }
  return states;
}

void Network::call(const std::string& server, const std::string& method, const Json& params, Session::OnEvent on_event,
                   Session::OnAnswer on_answer, CallOptions options) {
  const auto refuse = [&](Error error) {
    parts_->loop.post(
        [on_answer = std::move(on_answer), error = std::move(error)] { on_answer(std::unexpected(error)); });
  };
  if (parts_->closed) return refuse(*parts_->closed);
  const Parts::Other* other = parts_->find(server);
  if (other == nullptr)
    return refuse({ErrorKind::not_found, fmt::format("there is no other server \"{}\" in this pair", server), {}});
  Session* session = other->best();
  if (session == nullptr)
    return refuse({ErrorKind::unavailable, fmt::format("{} does not answer ({})", server, other->problem), {}});
  if (options.boot_id && *options.boot_id != session->other().boot_id)
    return refuse({ErrorKind::refused, fmt::format("{} has started anew in between", server), {}});
  session->call(method, params, std::move(on_event), std::move(on_answer), options.time_limit);
}

void Network::open_stream(const std::string& server, const std::string& name, const Json& params, OnStream on_open) {
  parts_->open_stream(server, {{"name", name}, {"params", params}}, on_open);
}

void Network::close(const Error& why) {
  parts_->close(why);
}

} // namespace tandem::peer
