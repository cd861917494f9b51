#include "fakes/server.hpp"
#include "replication/queue/queue.hpp"

#include <gmock/gmock.h>

namespace tandem::replication {
namespace {

constexpr auto* kept_in = "/var/lib/tandem/kept/4-queue-8c1f02aa-80";

// An instance that does what redis-cli asks of it; files and actions as of a server whose power may go.
struct Redis {
  Redis() {
    for (const auto* folder : {"/etc", "/etc/redis", "/var", "/var/lib", "/var/lib/tandem"})
      files.put_folder(folder);
    files.put(queue_config, "port 6380\n");
    processes.answer = [this](const system::Command& command) { return answer(command); };
  }

  system::Outcome answer(const system::Command& command) {
    const std::vector<std::string> words(command.arguments.begin() + 4, command.arguments.end());
    if (!power.spend()) return {.status = 1, .timed_out = false, .output = {}, .errors = "gone"};
    if (words[0] == "--rdb") files.put(words[1], keys);
    if (words[0] == "replicaof") {
      primary = words[1] == "no";
      if (!primary) keys = "the other's";
    }
    if (words[0] == "client") paused = words[1] == "pause";
    const auto info = fmt::format("# Replication\r\nrole:{}\r\nmaster_link_status:up\r\nslave_repl_offset:70\r\n"
                                  "master_replid:8c1f02aa77\r\nmaster_repl_offset:80\r\n# Keyspace\r\n{}",
                                  primary ? "master" : "slave", keys.empty() ? "" : "db0:keys=2,expires=0\r\n");
    return {.status = 0, .timed_out = false, .output = words[0] == "info" ? info : "OK\n", .errors = {}};
  }

  // As after a start: the files say what it is.
  void restart() {
    primary = files.content(queue_copy_file) == "(nothing there)";
    paused = false;
    power = {};
  }

  QueueTools tools() {
    return {.files = files, .processes = processes, .clock = clock, .pause = [](auto) { return false; }};
  }

  // As the agent does it.
  Result<void> follow() {
    TANDEM_TRY(const auto standing, queue_standing(tools()));
    TANDEM_TRY(const bool is_copy, is_queue_copy(tools()));
    if (standing && standing->primary) TANDEM_CHECK(pause_queue(tools(), std::chrono::hours(24)));
    if (standing && is_only_one(*standing, is_copy)) {
      TANDEM_TRY(const auto folder, keep_queue(tools(), "/var/lib/tandem/kept/4-queue"));
      EXPECT_EQ(folder, kept_in);
      TANDEM_CHECK(power.spend());
      told = true;
    }
    return follow_queue(tools());
  }

  fakes::Power power;
  fakes::Files files{power};
  fakes::Processes processes;
  system::LinuxClock clock;
  bool primary = true;
  bool paused = false;
  bool told = false;
  std::string keys = "its own";
};

TEST(Queue, TellsAPrimaryAndACopyApart) {
  const auto primary = parse_queue_info(
      "role:master\r\nconnected_slaves:2\r\n"
      "slave0:ip=127.0.0.1,port=6380,state=online,offset=12,lag=0\r\n"
      "slave1:ip=127.0.0.1,port=6380,state=wait_bgsave,offset=0,lag=0\r\n"
      "master_replid:8c1f\r\nmaster_repl_offset:14\r\ndb0:keys=3,expires=0\r\ndb7:keys=2,expires=0\r\n");
  ASSERT_TRUE(primary);
  EXPECT_EQ(*primary, (QueueStanding{.primary = true, .offset = 14, .keys = 5, .history = "8c1f", .copies = 1}));
  const auto copy =
      parse_queue_info("role:slave\r\nmaster_link_status:down\r\nmaster_sync_in_progress:1\r\n"
                       "master_last_io_seconds_ago:-1\r\nslave_repl_offset:9\r\nmaster_repl_offset:9\r\n");
  ASSERT_TRUE(copy);
  EXPECT_EQ(*copy, (QueueStanding{.offset = 9, .copying = true}));
  EXPECT_FALSE(parse_queue_info("LOADING Redis is loading the dataset in memory\n"));
}

TEST(Queue, IsNothingWhereNoneHasBeenSetUp) {
  Redis redis;
  redis.files.forget(queue_config);
  EXPECT_EQ(*queue_standing(redis.tools()), std::nullopt);
  EXPECT_TRUE(lead_queue(redis.tools()));
  EXPECT_TRUE(redis.follow());
  EXPECT_TRUE(redis.processes.ran.empty());
}

TEST(Queue, WhatOnlyAFormerPrimaryHasIsKeptAndToldBeforeItBecomesACopy) {
  for (int cut = 0;; ++cut) {
    Redis redis;
    redis.power.cut_after = cut;
    const bool whole = redis.follow().has_value();
    EXPECT_TRUE(redis.primary || redis.told) << cut;
    EXPECT_TRUE(!redis.told || redis.paused || whole || !redis.primary) << "a write that nobody keeps, " << cut;
    redis.restart();
    ASSERT_TRUE(redis.follow()) << cut;
    EXPECT_FALSE(redis.primary);
    EXPECT_TRUE(redis.told);
    EXPECT_EQ(redis.files.content(std::string(kept_in) + "/dump.rdb"), "its own") << cut;
    if (whole) break;
  }
}

TEST(Queue, ACopyThatWasRestartedIsNotKept) {
  Redis redis;
  ASSERT_TRUE(redis.follow());
  redis.told = false;
  redis.restart();
  EXPECT_FALSE(redis.primary) << "the file says so";
  ASSERT_TRUE(redis.follow());
  EXPECT_FALSE(redis.told);
}

TEST(Queue, OneThatWasHandedOverIsNotKeptAndOneThatWasTakenBackIs) {
  Redis redis;
  EXPECT_EQ(*pause_queue(redis.tools(), std::chrono::seconds(9)), 80U);
  EXPECT_TRUE(redis.paused);
  ASSERT_TRUE(hand_over_queue(redis.tools()));
  ASSERT_TRUE(redis.follow());
  EXPECT_FALSE(redis.told);
  EXPECT_FALSE(redis.paused);
  ASSERT_TRUE(lead_queue(redis.tools()));
  EXPECT_TRUE(redis.primary);
  ASSERT_TRUE(redis.follow());
  EXPECT_TRUE(redis.told);
}

TEST(Queue, ACopyConfirmsOnlyWhatItHas) {
  Redis redis;
  EXPECT_FALSE(wait_for_queue(redis.tools(), 70, std::chrono::seconds(9))) << "it follows nobody";
  ASSERT_TRUE(redis.follow());
  EXPECT_TRUE(wait_for_queue(redis.tools(), 70, std::chrono::seconds(9)));
  const auto behind = wait_for_queue(redis.tools(), 71, std::chrono::seconds(9));
  ASSERT_FALSE(behind);
  EXPECT_EQ(behind.error().message, "the queue is behind by 1 bytes");
}

} // namespace
} // namespace tandem::replication
