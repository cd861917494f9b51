// The queue: an instance of Redis of its own, persistent and never evicting, whose copies on the standbys follow the
// primary's. What Redis does not tell apart is told by a file that it reads when it starts: on a server that has it,
// the queue is a copy, or its content has been confirmed on another server. Where it is missing, what the queue holds
// may be the only one of its kind.
#pragma once
#include "replication/tools.hpp"

#include <optional>

namespace tandem::replication {

inline constexpr auto* queue_unit = "redis-server@queue.service";
inline constexpr auto* queue_config = "/etc/redis/redis-queue.conf";
inline constexpr auto* queue_copy_file = "/etc/redis/tandem-queue-copy.conf";

struct QueueTools {
  system::Files& files;
  system::Processes& processes;
  system::Clock& clock;
  // Waits that long; false when the work is to end instead.
  std::function<bool(std::chrono::milliseconds)> pause;
  std::chrono::milliseconds patience{2000}; // with Redis, for each answer
};

// What an instance says of itself ("info replication keyspace").
struct QueueStanding {
  bool primary = false;     // takes writes
  std::uint64_t offset = 0; // bytes of its replication stream: written as the primary, applied as a copy
  std::uint64_t keys = 0;
  std::string history; // whose writes the offset counts: another one after each start and each change of primary
  // ---- of a copy
  bool linked = false;              // it receives what the primary writes
  bool copying = false;             // a first copy is under way: what it holds is nothing, or of an earlier time
  std::int64_t silent_seconds = -1; // since it heard from the primary; -1: it never has
  // ---- of a primary
  std::size_t copies = 0; // that receive what it writes

  bool operator==(const QueueStanding&) const = default;
};

Result<QueueStanding> parse_queue_info(const std::string& text);

// nullopt where no queue has been set up. unavailable: Redis does not answer.
Result<std::optional<QueueStanding>> queue_standing(const QueueTools& tools);

// Whether this server's queue is marked as a copy (see above).
Result<bool> is_queue_copy(const QueueTools& tools);

// The queue takes writes from now on, those that a pause holds up as well. Idempotent.
Result<void> lead_queue(const QueueTools& tools);

// The queue becomes a copy of the primary's. It is marked, and it takes no writes while that happens: those that a
// pause holds up are refused afterwards. What it holds and no other server may have is kept first (keep_queue).
// Idempotent.
Result<void> follow_queue(const QueueTools& tools);

// Whether it holds what no other server may have.
[[nodiscard]] bool is_only_one(const QueueStanding& standing, bool is_copy);
// Keeps what the queue holds, as dump.rdb in a folder whose name begins so and goes on with the queue's state: nothing
// is written twice while a pause keeps the queue as it is. The folder.
Result<std::string> keep_queue(const QueueTools& tools, const std::string& name);

// On the primary: no write gets through any more, until lead_queue() or for so long. The offset that the copies must
// reach.
Result<std::uint64_t> pause_queue(const QueueTools& tools, std::chrono::milliseconds limit);
// On the primary, when a copy has confirmed that offset: this one is not the only one any more.
Result<void> hand_over_queue(const QueueTools& tools);
// Lets writes through again, whatever the queue is.
Result<void> unpause_queue(const QueueTools& tools);
// On a copy: waits until it has everything up to that offset. unavailable when it has not in that time.
Result<void> wait_for_queue(const QueueTools& tools, std::uint64_t offset, std::chrono::milliseconds limit);

} // namespace tandem::replication
