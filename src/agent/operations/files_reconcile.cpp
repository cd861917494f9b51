// `tandem files reconcile`, and what carries it: the primary's rsync talks over a stream to the one that the standby's
// agent starts. Idempotent.
#include "agent/give_back_mark.hpp"
#include "agent/operations/replication.hpp"
#include "agent/survey.hpp"
#include "agent/touched.hpp"
#include "base/text.hpp"
#include "peer/waiting.hpp"
#include "system/pause.hpp"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

constexpr std::chrono::minutes settle_limit{10};
constexpr std::chrono::milliseconds look_for_turn{50};

bool is_streamed(const FilesLedger& ledger, const std::string& server) {
  return ledger.is_streamed && ledger.is_streamed(server);
}

std::string transport_to(const std::string& server, const replication::RsyncJob& job, const std::string& latch,
                         const FilesLedger& ledger) {
  return fmt::format("tandem stream {}{} files {}{} {} {}", latch.empty() ? "" : "--latch " + latch + " ", server,
                     is_streamed(ledger, server) ? "" : std::string(no_stream_word) + " ", job.root,
                     job.rehearsal ? "rehearsal" : "run",
                     job.most_deletions ? std::to_string(*job.most_deletions) : "-");
}

// The first three of the arguments are ours; what rsync adds behind them is not looked at.
Result<replication::RsyncJob> job_of(const Json& params) {
  TANDEM_TRY(auto arguments, peer::texts_member(params, "arguments"));
  if (!arguments.empty() && arguments[0] == no_stream_word) arguments.erase(arguments.begin());
  const auto wrong = [] { return fail(ErrorKind::invalid, "a stream of files names a root, what to do and a number"); };
  if (arguments.size() < 3) return wrong();
  replication::RsyncJob job{.root = arguments[0], .rehearsal = arguments[1] == "rehearsal"};
  if (!job.rehearsal && arguments[1] != "run") return wrong();
  if (arguments[2] == "-") return job;
  const auto number = to_number(arguments[2]);
  if (!number || *number < 0) return wrong();
  job.most_deletions = static_cast<std::uint64_t>(*number);
  return job;
}

std::string wall_text(system::Clock& clock) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(clock.wall_time())));
}

// The agent compares by itself as well, and whoever asks then wants to know what a comparison after that finds.
Result<FilesLedger::Turn> wait_for_turn(OperationContext& context, FilesLedger& ledger) {
  bool told = false;
  for (;;) {
    if (auto held = ledger.begin()) return std::move(*held);
    if (context.cancelled()) return fail(ErrorKind::refused, "another comparison of the files is under way still");
    if (!std::exchange(told, true)) context.report("a comparison is under way; this one begins when that has ended");
    system::pause_thread(look_for_turn);
  }
}

Result<Json> reconcile(OperationContext& context, FilesLedger& ledger) {
  TANDEM_TRY(const auto held, wait_for_turn(context, ledger)); // the role may turn meanwhile
  const auto snapshot = context.snapshot();
  const auto& primary = snapshot.standing.primary;
  if (primary != snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is not the primary; files go from the primary to the standbys",
                primary.empty() ? "tandem status" : "Run the same command on " + primary);
  TANDEM_TRY(const auto pair, context.load_pair());
  const ComparisonWish wish{.allow_deletions = context.params().value("allow_deletions", false)};
  Json servers = Json::array();
  for (const auto& peer : snapshot.peers) {
    if (!peer.connected) {
      context.report(peer.name + " does not answer; its files stay as they are");
      continue;
    }
    const auto tell = [&](const std::string& line) { context.report(peer.name + ": " + line); };
    TANDEM_TRY(const auto done, reconcile_server(context.agent(), *pair, peer.name, wish, ledger, tell));
    servers.push_back({{"name", peer.name},
                       {"sent", done.sent},
                       {"changed", done.changed},
                       {"deleted", done.deleted},
                       {"bytes", done.bytes}});
  }
  if (servers.empty() && !snapshot.peers.empty())
    return fail(ErrorKind::unavailable, "no standby answers, so nothing was compared",
                "A standby that comes back is compared by itself");
  return Json{{"servers", std::move(servers)}};
}

// With paths only what lies there; those of another place than the replicated folders are none of the peer's business.
Result<Json> settle_here(OperationContext& context) {
  const auto pair = context.snapshot().pair;
  if (!pair) return failed("tandem.toml cannot be read here", "tandem check");
  const auto& roots = pair->files.replicate;
  if (context.params().contains("paths")) {
    TANDEM_TRY(const auto paths, peer::texts_member(context.params(), "paths"));
    for (const auto& path : paths)
      if (std::ranges::none_of(roots, [&](const auto& root) { return path == root || path.starts_with(root + "/"); }))
        return fail(ErrorKind::refused, path + " lies in no replicated folder");
    TANDEM_CHECK(context.ports().files.settle(paths));
    return Json::object();
  }
  system::Command command{.arguments = {"sync", "--file-system"}, .time_limit = settle_limit};
  command.arguments.insert(command.arguments.end(), roots.begin(), roots.end());
  TANDEM_CHECK(run_checked(context.ports().processes, command));
  return Json::object();
}

} // namespace

Result<void> settle_files(Agent& agent, const std::string& server, std::chrono::milliseconds limit) {
  auto settled = ask_server(agent, server, "files.settle", Json::object(), {.time_limit = limit});
  if (!settled) return std::unexpected(std::move(settled).error().within("writing the files to the disk of " + server));
  return {};
}

namespace {

using FilesWork = std::function<Result<replication::Reconciled>(const replication::FilesTools&)>;

Result<void> settle(Agent& agent, const std::string& server, const Touched& touched) {
  if (touched.whole()) return settle_files(agent, server, settle_limit);
  if (touched.paths().empty()) return {};
  TANDEM_CHECK(ask_server(agent, server, "files.settle", {{"paths", touched.paths()}}, {.time_limit = settle_limit}));
  return {};
}

Result<void> refuse_when_given_back(Agent& agent) {
  const GiveBackMark mark(agent.ports().files, agent.settings().state_folder);
  TANDEM_TRY(const bool given_back, mark.says(GiveBackMark::begun));
  if (!given_back) return {};
  // A site's own folder here would come upon the link there.
  return fail(ErrorKind::refused, "this pair is being given back to hands, and its files are each server's own",
              "tandem adopt --undo goes on with it");
}

// `latch`: empty: at once. `settle_all`: what an earlier pass changed may not be on the disk yet.
Result<replication::Reconciled> send_files(Agent& agent, const std::string& server, FilesLedger& ledger,
                                           const FilesWork& work, const std::string& latch, bool settle_all,
                                           bool allowed = false) {
  auto& ports = agent.ports();
  TANDEM_CHECK(refuse_when_given_back(agent));
  const auto stream = ledger.hold_stream ? ledger.hold_stream(server) : Result<std::shared_ptr<void>>(nullptr);
  if (!stream) {
    ledger.failed(server, stream.error());
    return std::unexpected(stream.error());
  }
  const auto began = wall_text(ports.clock);
  const auto moment = std::chrono::steady_clock::now();
  Touched touched;
  std::map<std::string, FilesLedger::Names> names;
  auto done =
      work({.files = ports.files,
            .processes = ports.processes,
            .transport = [&](const auto& job) { return Result<std::string>(transport_to(server, job, latch, ledger)); },
            .changed = [&](const std::string& path) { touched.add(path); },
            .deleted = [&](const std::string& root) { ++names[root].removed; },
            .made = [&](const std::string& root) { ++names[root].made; },
            .removed = ledger.removed(server)});
  ledger.compared_names(server, names);
  if (done)
    if (auto settled = settle_all ? settle_files(agent, server, settle_limit) : settle(agent, server, touched);
        !settled)
      done = std::unexpected(std::move(settled).error());
  if (done)
    ledger.succeeded(server, began, *done, moment, allowed);
  else
    ledger.failed(server, done.error());
  return done;
}

// Nothing: something differs, or may.
Result<std::optional<replication::Reconciled>> without_rsync(Agent& agent, const model::Pair& pair,
                                                             const std::string& server, const ComparisonWish& wish,
                                                             FilesLedger& ledger,
                                                             const replication::Progress& progress) {
  TANDEM_CHECK(refuse_when_given_back(agent));
  if (wish.allow_deletions || wish.differs) return std::nullopt;
  const auto began = wall_text(agent.ports().clock);
  const auto moment = std::chrono::steady_clock::now();
  const auto found = take_files_census(agent, pair, server, is_streamed(ledger, server), progress);
  if (!found || (!found->alike && (!found->sendable || !ledger.send_by_stream))) return std::nullopt;
  replication::Reconciled done{.files = found->names};
  auto sends = FilesLedger::Sends::now;
  if (!found->alike) {
    const auto sent = ledger.send_by_stream(server, *found->sendable, wish.may_be_later);
    if (!sent) return std::nullopt;
    sends = *sent;
    done.changed = found->sendable->size();
    const auto missing = std::ranges::count_if(*found->sendable, &replication::Census::Difference::missing);
    done.files -= std::min(done.files, static_cast<std::uint64_t>(missing));
  }
  if (auto settled = settle_files(agent, server, settle_limit); !settled) {
    ledger.failed(server, settled.error());
    return std::unexpected(std::move(settled).error());
  }
  // What is sent later will be there when the stream says so.
  ledger.succeeded(server, sends == FilesLedger::Sends::now ? began : "", done, moment, false);
  return done;
}

} // namespace

Result<replication::Reconciled> reconcile_server(Agent& agent, const model::Pair& pair, const std::string& server,
                                                 const ComparisonWish& wish, FilesLedger& ledger,
                                                 const replication::Progress& progress) {
  std::uint64_t epoch = 0; // in which it begins: by its end this server may have lost the role and got it again
  agent.on_loop([&] { epoch = agent.state().standing.epoch; });
  TANDEM_TRY(const auto alike, without_rsync(agent, pair, server, wish, ledger, progress));
  const auto done = alike ? Result<replication::Reconciled>(*alike)
                          : send_files(
                                agent, server, ledger,
                                [&](const replication::FilesTools& tools) {
                                  return replication::reconcile(tools, pair, wish.allow_deletions, progress);
                                },
                                {}, true, wish.allow_deletions);
  // For the day when this server cannot be asked. Without it the standby says an earlier moment, which is true as well.
  if (const auto to = ledger.entries()[server].complete_to; done && !to.empty())
    if (const auto told = ask_server(agent, server, "files.complete", {{"to", to}, {"epoch", epoch}}); !told)
      progress("telling " + server + " how far its files are complete: " + told.error().message);
  return done;
}

// The guard's part of the files that the standby had at the last full comparison; a few are always allowed.
Result<replication::Reconciled> catch_up_server(Agent& agent, const model::Pair& pair, const std::string& server,
                                                FilesLedger& ledger, const replication::Progress& progress,
                                                const std::string& latch) {
  const auto entries = ledger.entries();
  const auto known = entries.find(server);
  const auto files = known == entries.end() ? 0 : known->second.last.files;
  const auto most = std::max(replication::few_deletions,
                             static_cast<std::uint64_t>(pair.files.deletion_guard * static_cast<double>(files)));
  return send_files(
      agent, server, ledger,
      [&](const replication::FilesTools& tools) { return replication::catch_up(tools, pair, most, progress); }, latch,
      latch.empty());
}

Result<system::Command> accept_files(Agent& agent, const std::string& server, const Json& params) {
  TANDEM_TRY(auto job, job_of(params));
  const auto state = agent.state();
  // Files flow one way: from the primary that this server knows.
  if (state.standing.primary != server || state.server == server)
    return fail(ErrorKind::refused, fmt::format("{} is not the primary that {} knows", server, state.server));
  if (!state.pair) return fail(ErrorKind::unavailable, "tandem.toml cannot be read on " + state.server);
  // Until this server has once been equal to that primary, it may hold what only it has: a failover came before it was
  // sent. None of that is lost.
  if (const auto folder = diverged_files_folder(agent); !folder.empty()) job.keep_in = folder + job.root;
  TANDEM_TRY(auto arguments, replication::accept_job(agent.ports().files, *state.pair, job));
  return system::Command{.arguments = std::move(arguments)};
}

Operation files_reconcile_operation(std::shared_ptr<FilesLedger> ledger) {
  return {.name = "files.reconcile", .callers = {Caller::command}, .run = [ledger](OperationContext& context) {
            return reconcile(context, *ledger);
          }};
}

Operation files_settle_operation() {
  return {.name = "files.settle", .callers = {Caller::peer}, .run = settle_here};
}

} // namespace tandem::agent
