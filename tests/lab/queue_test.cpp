// Redis: a cache that evicts and is empty on a new primary, and a queue that does not evict and goes with the role.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

class Queue : public PairTest {
protected:
  void prepare() override { apply(shop_toml({.more = "[cache]\nredis = \"24MB\"\n"})); }

  static std::string redis(const std::string& host, const std::string& command) {
    return on(lab(), host, "redis-cli -p 6380 " + command);
  }

  // Whether the queue of a standby receives what the primary's writes.
  static bool is_linked(const std::string& host) {
    return holds_on(lab(), host, "redis-cli -p 6380 info replication | grep -q ^master_link_status:up");
  }

  static std::string wait_until_linked() {
    const auto serving = wait_until_whole();
    EXPECT_TRUE(wait_until([&] { return is_linked(other(serving)); }, soon))
        << redis(other(serving), "info replication");
    return serving;
  }

  static bool holds_key(const std::string& host, const std::string& key) {
    return holds_on(lab(), host, "redis-cli -p 6380 exists " + key + " | grep -qx 1");
  }

  // A program on that server that puts numbered tasks into the queue, one after the other, until one is refused or the
  // file is there that ends it. The numbers that were accepted stand in /root/accepted.
  static void start_producer(const std::string& host) {
    on(lab(), host,
       "rm -f /root/enough /root/accepted; touch /root/accepted; systemd-run --quiet --collect --unit=producer bash -c "
       "'for n in "
       "$(seq 100000); do [ -e /root/enough ] && exit; redis-cli -e -p 6380 rpush tasks $n >/dev/null || exit; echo $n "
       ">> "
       "/root/accepted; done'");
  }

  static void end_producer(const std::string& host) {
    on(lab(), host, "touch /root/enough; while systemctl is-active -q producer; do sleep 0.05; done");
  }
};

} // namespace

TEST_F(Queue, TheCacheEvictsTheQueueDoesNotAndNobodyElseReachesThem) {
  for (const auto* host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    EXPECT_EQ(on(lab(), host, "redis-cli -p 6379 config get maxmemory | tail -1"), "25165824");
    EXPECT_EQ(on(lab(), host, "redis-cli -p 6379 config get maxmemory-policy | tail -1"), "allkeys-lru");
    EXPECT_EQ(redis(host, "config get maxmemory-policy | tail -1"), "noeviction");
    EXPECT_EQ(redis(host, "config get appendfsync | tail -1"), "always");
    EXPECT_EQ(
        on(lab(), host, "ss -Htln '( sport = :6379 or sport = :6380 or sport = :6381 )' | awk '{print $4}' | sort"),
        "127.0.0.1:6379\n127.0.0.1:6380\n127.0.0.1:6381\n[::1]:6379\n[::1]:6380");
    for (const auto* port : {"6379", "6380", "6381"})
      EXPECT_FALSE(holds_on(lab(), "tre", "timeout 5 bash -c 'echo > /dev/tcp/" + address_of(host) + "/" + port + "'"));
  }
  on(lab(), primary(),
     "head -c 1000000 /dev/zero | tr '\\0' x > /root/megabyte; for n in $(seq 40); do redis-cli -x set "
     "big$n < /root/megabyte; done");
  EXPECT_LT(std::stoi(on(lab(), primary(), "redis-cli dbsize")), 40) << "the oldest make room";
}

TEST_F(Queue, NoTaskIsLostOrDoubledByASwitchoverAndTheNewPrimarysCacheIsEmpty) {
  const auto old = wait_until_linked();
  const auto now = other(old);
  on(lab(), now, "redis-cli set price 99");
  redis(old, "del tasks");
  start_producer(old);
  ASSERT_TRUE(wait_until([&] { return holds_on(lab(), old, "test $(wc -l < /root/accepted) -gt 50"); }, soon));
  const auto switched = pair().tandem(old, {"switchover"});
  end_producer(old);
  ASSERT_OK(switched);
  ASSERT_EQ(wait_until_linked(), now);
  EXPECT_EQ(redis(now, "lrange tasks 0 -1"), on(lab(), old, "cat /root/accepted"));
  redis(now, "rpush tasks after");
  EXPECT_TRUE(wait_until([&] { return redis(old, "lindex tasks -1") == "after"; }, soon)) << "and the old one follows";
  EXPECT_EQ(on(lab(), now, "redis-cli get price"), "") << "a price of before the change would be shown";
  EXPECT_THAT(on(lab(), old, "tandem events"), testing::Not(HasSubstr("queue"))) << "nothing had to be kept";
  EXPECT_TRUE(wait_until([&] { return on(lab(), now, "ss -Htn state established '( sport = :6381 )'").empty(); }, soon))
      << "what led to the old primary has ended";
}

TEST_F(Queue, SurvivesAFailoverAndWhatOnlyTheOldPrimaryHadIsKept) {
  const auto old = wait_until_linked();
  const auto now = other(old);
  redis(old, "set shared yes");
  ASSERT_TRUE(wait_until([&] { return holds_key(now, "shared"); }, soon));
  on(lab(), now, "systemctl stop redis-server@queue"); // so that it cannot have what comes now
  redis(old, "set only-here yes");
  ASSERT_OK(lab().cut(old));
  on(lab(), now, "systemctl start redis-server@queue");
  ASSERT_OK(pair().tandem(now, {"failover", "--alone", old}));
  EXPECT_TRUE(holds_key(now, "shared"));
  EXPECT_EQ(redis(now, "set taken yes"), "OK");
  ASSERT_OK(lab().boot(old));
  ASSERT_EQ(wait_until_linked(), now);
  EXPECT_TRUE(wait_until([&] { return holds_key(old, "taken"); }, soon));
  EXPECT_FALSE(holds_key(old, "only-here"));
  EXPECT_THAT(on(lab(), old, "tandem events"), HasSubstr("the queue (Redis)"));
  EXPECT_EQ(on(lab(), old, "grep -l only-here /var/lib/tandem/kept/*-queue-*/dump.rdb | wc -l"), "1");
  EXPECT_THAT(on(lab(), old, "redis-check-rdb /var/lib/tandem/kept/*-queue-*/dump.rdb"), HasSubstr("RDB looks OK"));
  acknowledge_all(old);
}

// Whoever asks a server what it is must not wait for its Redis: a primary that is asked to stop would be taken for one
// that does not, and one that serves for one that says nothing.
TEST_F(Queue, OneThatHangsHidesNothingAndKeepsNobodyFromAFailover) {
  const auto old = wait_until_linked();
  const auto now = other(old);
  redis(old, "set before yes");
  const std::string signal = "kill -{} $(systemctl show -p MainPID --value redis-server@queue)";
  on(lab(), old, fmt::format(fmt::runtime(signal), "STOP"));
  EXPECT_TRUE(wait_until(
      [&] { return on(lab(), old, "tandem status 2>&1 || true").find("does not answer") != std::string::npos; }, soon));
  const auto refused = pair().tandem(now, {"failover"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(old + " answers and serves"));
  ASSERT_OK(pair().tandem(now, {"failover", "--stop-primary"}));
  EXPECT_EQ(redis(now, "set after yes"), "OK");
  on(lab(), old, fmt::format(fmt::runtime(signal), "CONT"));
  ASSERT_EQ(wait_until_linked(), now);
  EXPECT_TRUE(wait_until([&] { return holds_key(old, "after"); }, soon));
  acknowledge_all(old);
}

// As a reboot of the old primary leaves it, or a person who restarts Redis.
TEST_F(Queue, ACopyStartsAsACopy) {
  const auto standby = other(wait_until_linked());
  on(lab(), standby, "systemctl restart redis-server@queue");
  EXPECT_THAT(redis(standby, "set mine yes 2>&1"), HasSubstr("READONLY"));
  EXPECT_TRUE(wait_until([&] { return is_linked(standby); }, soon));
}

TEST_F(Queue, OneThatDoesNotFollowRefusesTheSwitchoverAndIsNamed) {
  const auto serving = wait_until_linked();
  const auto standby = other(serving);
  on(lab(), standby, "systemctl stop redis-server@queue");
  const auto refused = pair().tandem(serving, {"switchover"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("the queue on " + standby));
  EXPECT_EQ(primary(), serving);
  EXPECT_EQ(redis(serving, "set still yes"), "OK") << "it takes writes as before";
  EXPECT_TRUE(wait_until(
      [&] { return on(lab(), serving, "tandem status 2>&1 || true").find("the queue") != std::string::npos; }, soon));
  on(lab(), standby, "systemctl start redis-server@queue");
  wait_until_linked();
}

} // namespace tandem::lab
