#include "agent/file_streams.hpp"

#include "agent/give_back_mark.hpp"
#include "agent/survey.hpp"
#include "base/text.hpp"
#include "peer/stream.hpp"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using namespace std::chrono_literals;
using replication::LiveStream;

constexpr peer::Duration tend_streams_every = 500ms;
constexpr peer::Duration tend_beginning_every = 50ms;  // while one is to begin
constexpr auto begins_soon = std::chrono::seconds(10); // after that half a second is of no matter
constexpr auto stream_word_every = 10s;
constexpr auto longest_stream_pause = std::chrono::seconds(60);
constexpr auto stream_hold_limit = std::chrono::minutes(10); // a slow disk may have much to write
constexpr auto send_found_limit = std::chrono::minutes(1);
constexpr auto* stream_name = "live-files";
constexpr std::string_view root_word = "--root=";

std::vector<replication::LiveRoot> roots_for(const model::Pair& pair) {
  std::vector<replication::LiveRoot> roots;
  for (const auto& root : pair.files.replicate)
    roots.push_back({.path = root, .patterns = replication::stream_patterns(pair, root)});
  return roots;
}

std::vector<std::string> words_of(const std::vector<replication::LiveRoot>& roots) {
  std::vector<std::string> words;
  for (const auto& root : roots) {
    words.push_back(std::string(root_word) + root.path);
    for (const auto& pattern : root.patterns.texts())
      words.push_back("--leave-out=" + pattern);
  }
  return words;
}

// The way back to hands moves folders on each server by itself, and a change that came from the other one meanwhile
// would come upon them. So a pair that was set up by hand has its comparisons alone, until that way is given up.
bool may_be_given_back(Agent& agent) {
  const auto leads = GiveBackMark(agent.ports().files, agent.settings().state_folder).leads_back();
  return !leads || *leads;
}

// By a file in the run folder root makes the room narrow, to rehearse what happens when it is not enough.
replication::StreamBounds bounds_of(Agent& agent) {
  replication::StreamBounds bounds;
  const auto text = agent.ports().files.read(agent.settings().run_folder + "/files-most-waiting");
  const auto most = text ? to_number(trim(*text)) : std::nullopt;
  if (most && *most > 0) bounds.most_waiting = static_cast<std::size_t>(*most);
  return bounds;
}

std::string text_of(std::chrono::system_clock::time_point moment) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(moment)));
}

Result<Json> flush(OperationContext& context, FileStreams& streams) {
  const auto snapshot = context.snapshot();
  if (snapshot.standing.primary != snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is not the primary; files go from the primary to the standbys",
                snapshot.standing.primary.empty() ? "tandem status"
                                                  : "Run the same command on " + snapshot.standing.primary);
  const auto limit = std::chrono::seconds(context.params().value("limit_s", std::uint64_t{60}));
  const auto only = context.params().value("server", "");
  Json servers = Json::array();
  for (const auto& peer : snapshot.peers) {
    if (!peer.connected || (!only.empty() && peer.name != only)) continue;
    if (auto done = streams.flush(peer.name, limit); !done)
      return fail(done.error().kind, "files on " + peer.name + ": " + done.error().message,
                  "tandem status; or all files are compared: tandem files reconcile");
    servers.push_back(peer.name);
  }
  if (servers.empty()) return fail(ErrorKind::unavailable, "no standby answers", "tandem status");
  return Json{{"servers", std::move(servers)}};
}

} // namespace

void FileStreams::start(Agent& agent) {
  agent_ = &agent;
  wait(agent);
}

void FileStreams::wait(Agent& agent) {
  const auto now = std::chrono::steady_clock::now();
  const bool begins = std::ranges::any_of(standbys_, [&](const auto& one) {
    const auto& [stream, problem, watching] = std::tie(one.second.stream, one.second.problem, one.second.watching);
    return stream && !stream->state().live && problem.empty() && (!watching || now < *watching + begins_soon);
  });
  timer_ = agent.loop().after(begins ? tend_beginning_every : tend_streams_every, [weak = weak_from_this(), &agent] {
    const auto self = weak.lock();
    if (!self) return;
    self->turn(agent);
    self->wait(agent);
  });
}

void FileStreams::turn(Agent& agent) {
  const auto state = agent.state();
  const bool leads = state.pair && !state.standing.primary.empty() && state.standing.primary == state.server &&
                     !agent.given_back() && !agent.ending() && !may_be_given_back(agent);
  for (auto& [server, standby] : standbys_) {
    const bool there = leads && std::ranges::any_of(state.peers, [&](const peer::PeerState& peer) {
                         return peer.name == server && peer.connected;
                       });
    if (there || !standby.stream) continue;
    ledger_->streamed(server, false, {}, {});
    end(agent, server, standby);
  }
  if (!leads) return;
  for (const auto& peer : state.peers)
    if (peer.connected) mind(agent, *state.pair, peer.name, standbys_[peer.name]);
  const std::lock_guard guard(mutex_);
  streams_.clear();
  for (const auto& [server, standby] : standbys_)
    if (standby.stream) streams_[server] = {standby.stream, standby.count};
}

void FileStreams::mind(Agent& agent, const model::Pair& pair, const std::string& server, Standby& standby) {
  // One that has no receiver yet gives the next one what is to be known.
  const bool renewed = ledger_->take_renewal(server) && (standby.opening || !standby.far.expired());
  const bool same = standby.made_for == words_of(roots_for(pair)) && standby.guard == pair.files.deletion_guard;
  if (standby.stream && (renewed || !same)) {
    ledger_->streamed(server, false, {}, {});
    end(agent, server, standby);
  }
  if (!standby.stream) return begin(agent, pair, standby);
  const auto state = standby.stream->state();
  if (state.ended) {
    if (state.problem != standby.problem) agent.log("changes of files to " + server + ": " + state.problem);
    standby.problem = state.problem;
    ledger_->streamed(server, false, {}, state.broke_off ? "" : state.problem);
    standby.not_before = std::chrono::steady_clock::now() + standby.pause;
    standby.pause = std::min(standby.pause * 2, longest_stream_pause);
    return end(agent, server, standby);
  }
  if (!state.watching) return;
  if (!standby.watching) standby.watching = std::chrono::steady_clock::now();
  if (state.live) return tell(agent, server, standby, state);
  // A comparison comes first: it says what it would delete before it does, and keeps what only the standby has. A
  // runbook compares the files itself, and what is opened now may be about to turn.
  if (standby.opening || is_held(server) || !agent.runbook().empty() ||
      std::chrono::steady_clock::now() < standby.not_before)
    return;
  if (ledger_->compared_since(server, *standby.watching))
    open(agent, server);
  else
    ledger_->ask_for(server);
}

void FileStreams::begin(Agent& agent, const model::Pair& pair, Standby& standby) {
  if (std::chrono::steady_clock::now() < standby.not_before) return;
  auto roots = roots_for(pair);
  standby.made_for = words_of(roots);
  standby.guard = pair.files.deletion_guard;
  standby.watching.reset();
  standby.stream = std::make_shared<LiveStream>(std::move(roots), agent.ports().clock, bounds_of(agent));
}

void FileStreams::open(Agent& agent, const std::string& server) {
  auto& standby = standbys_[server];
  standby.opening = true;
  const auto stream = standby.stream;
  const auto begun = ledger_->stream_begins(server);
  standby.count = begun.count;
  agent.network()->open_stream(
      server, stream_name,
      {{"roots", standby.made_for}, {"removed", begun.removed.names}, {"version", replication::stream_version}},
      [weak = weak_from_this(), &agent, server, stream](Result<peer::ConnectionPtr> far) {
        const auto self = weak.lock();
        if (!self) return;
        auto& standby = self->standbys_[server];
        standby.opening = false;
        auto link = system::make_link();
        if (!far || !link || standby.stream != stream || self->is_held(server)) {
          if (far) (*far)->close();
          const auto why = !far ? describe(far.error()) : !link ? describe(link.error()) : "";
          return self->could_not_open(agent, server, standby, why);
        }
        standby.far = *far;
        peer::join_stream_to_descriptor(agent.loop(), *far, link->first.release(), [](const Result<void>&) {});
        stream->attach(std::move(link->second),
                       standby.watching && self->ledger_->compared_since(server, *standby.watching));
        standby.told_live = false;
      });
}

// `why`: "" when only its time has passed. What one was to send when it begins is then a comparison's work.
void FileStreams::could_not_open(Agent& agent, const std::string& server, Standby& standby, const std::string& why) {
  const auto now = std::chrono::steady_clock::now();
  if (why.empty()) {
    standby.not_before = now + tend_streams_every;
    return;
  }
  if (why != standby.problem) agent.log("changes of files to " + server + ": " + why);
  standby.problem = why;
  ledger_->streamed(server, false, {}, why);
  standby.not_before = now + standby.pause;
  standby.pause = std::min(standby.pause * 2, longest_stream_pause);
  if (note_failure(server)) ledger_->ask_for(server);
}

// Whether it was promised, and has failed twice.
bool FileStreams::note_failure(const std::string& server) {
  const std::lock_guard guard(mutex_);
  const bool twice = ++failures_[server] >= 2;
  return twice && promised_.erase(server) > 0;
}

void FileStreams::note_removed(const std::string& server, std::uint64_t count, const replication::LiveState& state) {
  ledger_->stream_removed(server, count, state.removed, state.guarded ? state.problem : "");
}

// At once, and not after all that is on the way: a comparison, or another receiver, may be about to begin there.
void FileStreams::give_up(Standby& standby) {
  if (const auto far = standby.far.lock()) far->abort(Error{ErrorKind::unavailable, "the stream has ended", {}});
  standby.far.reset();
}

// Its thread may be in the middle of a large file.
void FileStreams::end(Agent& agent, const std::string& server, Standby& standby) {
  auto stream = std::exchange(standby.stream, nullptr);
  note_removed(server, standby.count, stream->state());
  give_up(standby);
  standby.watching.reset();
  {
    const std::lock_guard guard(mutex_);
    std::erase_if(streams_, [&](const auto& known) { return known.second.stream == stream; });
  }
  agent.in_background([stream = std::move(stream)]() mutable { stream.reset(); });
}

void FileStreams::tell(Agent& agent, const std::string& server, Standby& standby, const replication::LiveState& state) {
  note_removed(server, standby.count, state);
  if (!state.complete_to && state.unwatched.empty()) return;
  if (!std::exchange(standby.told_live, true)) {
    agent.log("changes of files go to " + server + " as they happen");
    if (!state.unwatched.empty())
      agent.log("but for those in " + join(state.unwatched, ", ") + ", whose file system cannot be watched");
    if (!state.watched_by_name.empty())
      agent.log("each folder of " + join(state.watched_by_name, ", ") + " is watched by itself");
    standby.problem.clear();
    standby.pause = 1s;
  }
  if (!state.complete_to) return;
  {
    const std::lock_guard guard(mutex_);
    promised_.erase(server);
    failures_.erase(server);
  }
  ledger_->streamed(server, true, text_of(*state.complete_to), state.problem);
  const auto now = std::chrono::steady_clock::now();
  if (now < standby.next_word || agent.network() == nullptr || !state.problem.empty()) return;
  standby.next_word = now + stream_word_every;
  // Unanswered, the standby says an earlier moment, which is true as well.
  agent.network()->call(server, "files.complete", {{"to", text_of(*state.complete_to)}}, {}, [](Result<Json>) {});
}

bool FileStreams::is_held(const std::string& server) {
  const std::lock_guard guard(mutex_);
  const auto known = held_.find(server);
  return known != held_.end() && known->second > 0;
}

FileStreams::Counted FileStreams::stream_to(const std::string& server) {
  const std::lock_guard guard(mutex_);
  const auto found = streams_.find(server);
  return found == streams_.end() ? Counted{} : found->second;
}

Result<std::shared_ptr<void>> FileStreams::hold(const std::string& server) {
  {
    const std::lock_guard guard(mutex_);
    ++held_[server];
  }
  const auto let_go = [self = shared_from_this(), server](const std::shared_ptr<LiveStream>& stream) {
    if (stream) stream->resume();
    const std::lock_guard guard(self->mutex_);
    --self->held_[server];
  };
  const auto [stream, count] = stream_to(server);
  std::shared_ptr<void> held(this, [let_go, known = stream](void*) { let_go(known); });
  if (!stream) return held;
  const bool quiet = stream->pause(stream_hold_limit);
  if (stream->state().ended && agent_ != nullptr)
    agent_->on_loop([&] {
      if (auto& standby = standbys_[server]; standby.stream == stream) give_up(standby);
    });
  note_removed(server, count, stream->state());
  if (!quiet) return fail(ErrorKind::unavailable, "the stream of changes to " + server + " does not come to rest");
  return held;
}

Result<void> FileStreams::flush(const std::string& server, std::chrono::milliseconds limit) {
  const auto stream = stream_to(server).stream;
  if (!stream) return fail(ErrorKind::unavailable, "changes are not streamed at the moment");
  return stream->flush(limit);
}

Result<FilesLedger::Sends> FileStreams::send(const std::string& server,
                                             const std::vector<replication::Census::Difference>& differences,
                                             bool may_be_later) {
  const auto stream = stream_to(server).stream;
  const auto state = stream ? stream->state() : replication::LiveState{};
  if (!state.watching || state.ended || !state.unwatched.empty())
    return fail(ErrorKind::unavailable, "changes are not streamed at the moment");
  if (!state.live) {
    if (!may_be_later) return fail(ErrorKind::unavailable, "the stream has not begun yet");
    const std::lock_guard guard(mutex_);
    if (failures_.contains(server) || !promised_.insert(server).second)
      return fail(ErrorKind::unavailable, "the stream has not begun since");
  }
  stream->look_at(differences);
  if (!state.live) return FilesLedger::Sends::later;
  TANDEM_CHECK(stream->flush(send_found_limit));
  return FilesLedger::Sends::now;
}

Result<system::Command> accept_file_stream(Agent& agent, const std::string& server, const Json& params) {
  TANDEM_TRY(const auto version, peer::number_member_or(params, "version", 1));
  if (version != replication::stream_version)
    return fail(ErrorKind::unavailable, "the two servers' tandem speak different versions of the file stream",
                "Install the same version of tandem on every server");
  TANDEM_TRY(const auto roots, peer::texts_member(params, "roots"));
  const auto state = agent.state();
  if (state.standing.primary != server || state.server == server)
    return fail(ErrorKind::unavailable, fmt::format("{} is not the primary that {} knows", server, state.server));
  if (!state.pair) return fail(ErrorKind::unavailable, "tandem.toml cannot be read on " + state.server);
  // What only this server has is kept by the comparison.
  if (!diverged_files_folder(agent).empty())
    return fail(ErrorKind::refused, "the files of " + state.server + " have not been compared in this epoch");
  system::Command command{
      .arguments = {"tandem", "receive-files", fmt::format("--deletion-guard={}", state.pair->files.deletion_guard)}};
  // Roots are numbers in the messages.
  const auto words = words_of(roots_for(*state.pair));
  if (words != roots) return fail(ErrorKind::unavailable, state.server + " has another [files] in its tandem.toml");
  const auto removed = params.value("removed", Json::object());
  for (const auto& word : words) {
    command.arguments.push_back(word);
    if (!word.starts_with(root_word) || !removed.is_object()) continue;
    const auto known = removed.find(word.substr(root_word.size()));
    if (known != removed.end() && known->is_number_unsigned())
      command.arguments.push_back(fmt::format("--removed={}", known->get<std::uint64_t>()));
  }
  return command;
}

Operation files_flush_operation(std::shared_ptr<FileStreams> streams) {
  return {.name = "files.flush", .callers = {Caller::command}, .run = [streams](OperationContext& context) {
            return flush(context, *streams);
          }};
}

} // namespace tandem::agent
