#include "agent/files_verify.hpp"

#include "agent/agent.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using namespace std::chrono_literals;
using replication::stream::VerificationState;

constexpr std::uint64_t usual_rate_mb = 20;
constexpr std::uint64_t most_rate_mb = 10'000;
constexpr auto told_every = 2s;
constexpr auto repair_limit = std::chrono::minutes(10);
constexpr std::size_t most_logged = 20;

std::string progress(const VerificationState& state) {
  return fmt::format("{} files, {} MB compared, {} differ", state.files, state.bytes >> 20U, state.differences);
}

Json to_json(const std::string& server, const VerificationState& state) {
  return {{"name", server},
          {"files", state.files},
          {"bytes", state.bytes},
          {"passed_over", state.passed_over},
          {"differences", state.differences},
          {"paths", state.paths},
          {"problem", state.problem}};
}

Result<VerificationState> compare(OperationContext& context, const std::shared_ptr<replication::LiveStream>& stream,
                                  const std::string& server, std::uint64_t rate) {
  if (!stream) return fail(ErrorKind::unavailable, "changes are not streamed to " + server + " at the moment");
  TANDEM_TRY(const auto number, stream->verify(rate));
  for (;;) {
    const auto state = stream->wait_verified(number, told_every);
    const auto& now = state.verification;
    const bool known = now && now->number == number;
    if (known && now->done) return *now;
    if (state.ended)
      return fail(ErrorKind::unavailable, "the stream of files to " + server + " ended: " + state.problem);
    if (context.cancelled()) {
      stream->end_verification(number);
      return fail(ErrorKind::unavailable, "the verification was called off");
    }
    if (known) context.report(server + ": " + progress(*now));
  }
}

void tell(OperationContext& context, const std::string& server, const VerificationState& state) {
  for (std::size_t at = 0; at < std::min(state.paths.size(), most_logged); ++at)
    context.log(fmt::format("{} differs on {}, and is sent again", state.paths[at], server));
  const auto found =
      fmt::format("{} files differed on {} although the stream had told of none", state.differences, server);
  context.remember("files.verify of " + server, state.differences > 0 ? found : state.problem);
}

Result<Json> verify(OperationContext& context, FileStreams& streams) {
  const auto snapshot = context.snapshot();
  if (snapshot.standing.primary != snapshot.server)
    return fail(ErrorKind::refused, snapshot.server + " is not the primary; its files are compared with the standbys'",
                snapshot.standing.primary.empty() ? "tandem status"
                                                  : "Run the same command on " + snapshot.standing.primary);
  const auto rate = context.params().value("rate_mb", usual_rate_mb);
  if (rate == 0 || rate > most_rate_mb)
    return fail(ErrorKind::invalid, fmt::format("a rate is 1 to {} megabytes a second", most_rate_mb));
  Json servers = Json::array();
  for (const auto& peer : snapshot.peers) {
    if (!peer.connected) continue;
    auto state = compare(context, streams.live(peer.name), peer.name, rate << 20U);
    if (!state && context.cancelled()) return std::unexpected(state.error());
    if (state) tell(context, peer.name, *state);
    // What another standby has been found to lack is told all the same.
    const auto repaired = state && state->differences > 0 ? streams.flush(peer.name, repair_limit) : Result<void>();
    servers.push_back(to_json(peer.name, state.value_or(VerificationState())));
    if (!state) servers.back()["problem"] = state.error().message;
    if (!repaired) servers.back()["problem"] = "what differed is not there yet: " + repaired.error().message;
  }
  if (servers.empty()) return fail(ErrorKind::unavailable, "no standby answers", "tandem status");
  return Json{{"servers", std::move(servers)}};
}

} // namespace

Operation files_verify_operation(std::shared_ptr<FileStreams> streams) {
  return {.name = "files.verify",
          .callers = {Caller::command},
          .run = [streams = std::move(streams)](OperationContext& context) { return verify(context, *streams); }};
}

} // namespace tandem::agent
