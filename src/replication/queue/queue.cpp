#include "replication/queue/queue.hpp"

#include "base/text.hpp"
#include "model/ports.hpp"

#include <fmt/format.h>

namespace tandem::replication {

namespace {

constexpr std::chrono::milliseconds look_again{5};
constexpr auto* advice = "`systemctl status redis-server@queue` tells about it";

Result<std::string> ask_redis(const QueueTools& tools, const std::vector<std::string>& words,
                              std::optional<std::chrono::milliseconds> limit = {}) {
  std::vector<std::string> arguments{"redis-cli", "-e", "-p", std::to_string(model::redis_queue_port)};
  arguments.insert(arguments.end(), words.begin(), words.end());
  auto outcome = system::run_checked(tools.processes,
                                     {.arguments = std::move(arguments), .time_limit = limit.value_or(tools.patience)});
  if (!outcome)
    return fail(ErrorKind::unavailable, "the queue (Redis, port 6380) does not answer: " + outcome.error().message,
                advice);
  return std::move(outcome->output);
}

std::string copy_text() {
  return fmt::format("# By tandem: this server's queue is a copy of the primary's, which tandem.service reaches.\n"
                     "replicaof 127.0.0.1 {}\n",
                     model::queue_relay_port);
}

Result<void> mark(const QueueTools& tools) {
  return tools.files.write(queue_copy_file, copy_text(), 0644, {});
}

using Fields = std::map<std::string, std::string>;

std::uint64_t number_of(std::string_view text) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, to_number(text).value_or(0)));
}

} // namespace

Result<QueueStanding> parse_queue_info(const std::string& text) {
  Fields fields;
  QueueStanding standing;
  for (const auto& line : lines_of(text)) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto name = line.substr(0, colon);
    const auto value = std::string(trim(std::string_view(line).substr(colon + 1)));
    if (name.starts_with("db") && value.starts_with("keys="))
      standing.keys += number_of(value.substr(5, value.find(',') - 5));
    if (name.starts_with("slave") && value.find("state=online") != std::string::npos) ++standing.copies;
    fields[name] = value;
  }
  if (!fields.contains("role")) return failed("Redis does not say what it is: " + text.substr(0, 200));
  standing.primary = fields["role"] == "master";
  standing.history = fields["master_replid"];
  standing.offset = number_of(fields[standing.primary ? "master_repl_offset" : "slave_repl_offset"]);
  if (standing.primary) return standing;
  standing.linked = fields["master_link_status"] == "up";
  standing.copying = fields["master_sync_in_progress"] == "1";
  if (const auto silent = to_number(fields["master_last_io_seconds_ago"])) standing.silent_seconds = *silent;
  return standing;
}

Result<bool> is_queue_copy(const QueueTools& tools) {
  TANDEM_TRY(const auto there, tools.files.status(queue_copy_file));
  return there.has_value();
}

Result<std::optional<QueueStanding>> queue_standing(const QueueTools& tools) {
  TANDEM_TRY(const auto configured, tools.files.status(queue_config));
  if (!configured) return std::nullopt;
  TANDEM_TRY(const auto text, ask_redis(tools, {"info"}));
  TANDEM_TRY(const auto standing, parse_queue_info(text));
  return standing;
}

Result<void> lead_queue(const QueueTools& tools) {
  TANDEM_CHECK(tools.files.remove(queue_copy_file));
  TANDEM_TRY(const auto standing, queue_standing(tools));
  if (!standing) return {};
  if (!standing->primary) TANDEM_CHECK(ask_redis(tools, {"replicaof", "no", "one"}));
  return unpause_queue(tools);
}

Result<void> follow_queue(const QueueTools& tools) {
  TANDEM_TRY(const auto standing, queue_standing(tools));
  if (!standing) return {};
  TANDEM_CHECK(mark(tools));
  if (!standing->primary) return {};
  TANDEM_CHECK(ask_redis(tools, {"replicaof", "127.0.0.1", std::to_string(model::queue_relay_port)}));
  return unpause_queue(tools);
}

bool is_only_one(const QueueStanding& standing, bool is_copy) {
  return standing.primary && !is_copy && standing.keys > 0;
}

// Written by redis-cli as a copy would get it; whole when it has its name.
Result<std::string> keep_queue(const QueueTools& tools, const std::string& name) {
  TANDEM_TRY(const auto standing, queue_standing(tools));
  if (!standing) return fail(ErrorKind::refused, "no queue has been set up here", "tandem apply");
  const auto folder = fmt::format("{}-{}-{}", name, standing->history.substr(0, 8), standing->offset);
  const auto path = folder + "/dump.rdb";
  TANDEM_TRY(const auto there, tools.files.status(path));
  if (there) return folder;
  TANDEM_CHECK(tools.files.make_folder(folder.substr(0, folder.rfind('/')), 0700, {}));
  TANDEM_CHECK(tools.files.make_folder(folder, 0700, {}));
  const auto part = path + ".part";
  TANDEM_CHECK(ask_redis(tools, {"--rdb", part}, std::chrono::minutes(10)));
  TANDEM_CHECK(tools.files.settle({part}));
  TANDEM_CHECK(tools.files.rename(part, path));
  return folder;
}

Result<std::uint64_t> pause_queue(const QueueTools& tools, std::chrono::milliseconds limit) {
  TANDEM_CHECK(ask_redis(tools, {"client", "pause", std::to_string(limit.count()), "write"}));
  TANDEM_TRY(const auto standing, queue_standing(tools));
  if (!standing || !standing->primary) return fail(ErrorKind::refused, "the queue on this server is not the primary's");
  return standing->offset;
}

Result<void> hand_over_queue(const QueueTools& tools) {
  return mark(tools);
}

Result<void> unpause_queue(const QueueTools& tools) {
  TANDEM_CHECK(ask_redis(tools, {"client", "unpause"}));
  return {};
}

Result<void> wait_for_queue(const QueueTools& tools, std::uint64_t offset, std::chrono::milliseconds limit) {
  const auto until = tools.clock.boot_time() + limit;
  for (;;) {
    TANDEM_TRY(const auto standing, queue_standing(tools));
    if (!standing) return fail(ErrorKind::refused, "no queue has been set up here", "tandem apply");
    if (!standing->primary && standing->linked && !standing->copying && standing->offset >= offset) return {};
    if (tools.clock.boot_time() >= until || !tools.pause(look_again))
      return fail(ErrorKind::unavailable,
                  standing->primary  ? "the queue follows no other yet"
                  : standing->linked ? fmt::format("the queue is behind by {} bytes", offset - standing->offset)
                                     : "the queue does not receive what the primary's writes",
                  advice);
  }
}

} // namespace tandem::replication
