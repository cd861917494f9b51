#include "agent/streams.hpp"

#include "agent/agent.hpp"
#include "peer/stream.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::size_t most_streams = 16;
constexpr std::size_t most_to_a_port = 4;
constexpr std::chrono::seconds connect_limit{3};
constexpr std::chrono::seconds former_limit{5};
constexpr std::chrono::milliseconds look_for_end{20};

} // namespace

void Streams::accept(const peer::Request& request) {
  if (auto started = start(request, std::chrono::steady_clock::now()); !started)
    request.answer(std::unexpected(std::move(started).error()));
}

Result<void> Streams::start(const peer::Request& request, Time asked) {
  TANDEM_TRY(const std::string name, peer::text_member(request.params(), "name"));
  if (const auto known = ports_.find(name); known != ports_.end()) return connect(request, name, known->second);
  if (open_ >= most_streams) return fail(ErrorKind::refused, fmt::format("{} streams are open already", open_));
  if (const auto known = programs_.find(name); known != programs_.end())
    return start_program(request, name, known->second, asked);
  return fail(ErrorKind::not_found, fmt::format("this agent knows no stream \"{}\"", name),
              "Install the same version of tandem on every server");
}

// A server has a few streams to a port. One that it opens beyond that takes the place of the oldest, which it has given
// up.
Result<void> Streams::connect(const peer::Request& request, const std::string& name, const StreamPort& known) {
  TANDEM_TRY(const auto port, known(agent_, request.from()));
  peer::connect_loopback(agent_.loop(), port, connect_limit, [this, request, name](Result<system::Descriptor> socket) {
    if (!socket) return request.answer(std::unexpected(std::move(socket).error()));
    const auto connection = request.accept_stream();
    if (!connection) return; // it has gone meanwhile
    auto& open = to_ports_[{request.from(), name}];
    std::erase_if(open, [](const auto& known) { return known.expired(); });
    while (open.size() >= most_to_a_port) {
      const auto former = open.front().lock();
      open.erase(open.begin());
      if (former) former->abort(Error{ErrorKind::unavailable, "newer ones have taken its place", {}});
    }
    open.push_back(connection);
    peer::join_stream_to_descriptor(agent_.loop(), connection, socket->release(), [](const Result<void>&) {});
  });
  return {};
}

// Whether one still runs.
bool Streams::end_former(const std::string& server, const std::string& name, bool connected_too) {
  bool runs = false;
  for (const auto& known : started_) {
    const auto program = known.server == server && known.name == name ? known.program.lock() : nullptr;
    if (!program || system::has_ended(*program) || (!connected_too && known.connected)) continue;
    system::kill_now(*program);
    runs = true;
  }
  return runs;
}

bool Streams::end_formers(const peer::Request& request, const std::string& name, const StreamProgram& known) {
  if (known.alone && end_former(request.from(), name, true)) return true;
  if (known.not_beside.empty()) return false;
  const auto params = request.params().value("params", Json::object());
  const auto words = params.is_object() ? params.value("arguments", Json::array()) : Json::array();
  const bool all = words.is_array() && !words.empty() && words[0] == no_stream_word;
  return end_former(request.from(), known.not_beside, all);
}

void Streams::start_later(const peer::Request& request, Time asked) {
  const auto number = next_later_++;
  later_[number] = agent_.loop().after(look_for_end, [this, request, asked, number] {
    const auto own = later_.extract(number); // ends with this call
    if (auto started = start(request, asked); !started) request.answer(std::unexpected(std::move(started).error()));
  });
}

Result<void> Streams::start_program(const peer::Request& request, const std::string& name, const StreamProgram& known,
                                    Time asked) {
  if (end_formers(request, name, known)) {
    if (std::chrono::steady_clock::now() - asked > former_limit)
      return fail(ErrorKind::unavailable, fmt::format("a former program does not end, so \"{}\" cannot begin", name));
    start_later(request, asked);
    return {};
  }
  TANDEM_TRY(const system::Command command,
             known.command(agent_, request.from(), request.params().value("params", Json::object())));
  TANDEM_TRY(auto started, system::start_linked(command));
  const auto program = std::make_shared<system::LinkedProgram>(std::move(started));
  const int socket = ::fcntl(program->socket.get(), F_DUPFD_CLOEXEC, 0);
  program->socket.reset();
  if (socket < 0) return failed("no descriptor is left for a stream");
  std::erase_if(started_, [](const auto& known) { return known.program.expired(); });
  started_.push_back({request.from(), name, program});
  const peer::ConnectionPtr connection = request.accept_stream();
  if (!connection) { // it has gone meanwhile
    agent_.in_background([program] { (void)system::wait_for_end(*program, {}); });
    started_.back().connected = false;
    return {};
  }
  ++open_;
  const auto done = [this, name, from = request.from(), program](const Result<void>& ended) {
    --open_;
    for (auto& known : started_)
      if (known.program.lock() == program) known.connected = false;
    if (!ended) agent_.log(fmt::format("the stream \"{}\" of {} broke off: {}", name, from, ended.error().message));
    // Without its socket the program ends by itself, as a rule; waiting for that must not hold up the loop.
    const auto patience = ended ? std::chrono::seconds(10) : std::chrono::seconds(0);
    agent_.in_background([this, name, from, program, patience] {
      const auto status = system::wait_for_end(*program, patience);
      if (status && *status != 0)
        agent_.loop().post([this, name, from, code = *status] {
          agent_.log(fmt::format("the program of the stream \"{}\" of {} ended with status {}", name, from, code));
        });
    });
  };
  peer::join_stream_to_descriptor(agent_.loop(), connection, socket, done);
  return {};
}

void Streams::pass_on(const peer::Request& request) {
  const auto server = peer::text_member(request.params(), "server");
  const auto name = peer::text_member(request.params(), "name");
  if (!server || !name) return request.answer(fail(ErrorKind::invalid, "a stream needs a server and a name"));
  if (agent_.network() == nullptr)
    return request.answer(fail(ErrorKind::unavailable, "this agent is not connected to its peers"));
  agent_.network()->open_stream(*server, *name, request.params().value("params", Json::object()),
                                [this, request](Result<peer::ConnectionPtr> far) {
                                  if (!far) return request.answer(std::unexpected(std::move(far).error()));
                                  const auto held = latches_.find(request.params().value("latch", ""));
                                  if (held == latches_.end()) return join(request, *far);
                                  held->second.waiting.push_back({request, *far});
                                });
}

void Streams::join(const peer::Request& request, const peer::ConnectionPtr& far) {
  const peer::ConnectionPtr near = take_over(request);
  if (!near) return far->close(); // the command has gone meanwhile
  ++open_;
  peer::join_streams(near, far, [this](const Result<void>&) { --open_; });
}

void Streams::hold(const std::string& latch, peer::Duration limit) {
  latches_[latch].forgotten = agent_.loop().after(limit, [this, latch] { forget(latch); });
}

void Streams::let_go(const std::string& latch) {
  if (auto held = latches_.extract(latch))
    for (const auto& waiting : held.mapped().waiting)
      join(waiting.request, waiting.far);
}

void Streams::forget(const std::string& latch) {
  const auto held = latches_.extract(latch);
  for (const auto& waiting : held.mapped().waiting) {
    waiting.far->close();
    waiting.request.answer(fail(ErrorKind::unavailable, "nobody has let the stream go on"));
  }
}

std::size_t Streams::waiting(const std::string& latch) const {
  const auto held = latches_.find(latch);
  return held == latches_.end() ? 0 : held->second.waiting.size();
}

peer::ConnectionPtr Streams::take_over(const peer::Request& request) {
  const peer::ConnectionPtr connection = request.accept_stream();
  if (!connection) return nullptr;
  std::erase_if(local_, [](const auto& known) { return known.expired(); });
  local_.push_back(connection);
  agent_.forget_command(connection);
  return connection;
}

void Streams::end_started() {
  for (const auto& known : started_)
    if (const auto program = known.program.lock()) system::kill_now(*program);
}

std::size_t Streams::running() const {
  return static_cast<std::size_t>(std::ranges::count_if(started_, [](const auto& known) {
    const auto program = known.program.lock();
    return program && !system::has_ended(*program);
  }));
}

void Streams::close(const Error& why) {
  for (const auto& [name, latch] : std::exchange(latches_, {}))
    for (const auto& waiting : latch.waiting)
      waiting.far->close();
  for (const auto& known : std::exchange(local_, {}))
    if (const auto connection = known.lock()) connection->abort(why);
}

} // namespace tandem::agent
