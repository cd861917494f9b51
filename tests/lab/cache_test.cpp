// memcached: as large as the file says, reached from its own server alone, and empty on a new primary.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

class Memcached : public PairTest {
protected:
  void prepare() override { apply(shop_toml({.more = "[cache]\nmemcached = \"32MB\"\n"})); }

  // What it answers to that line; a further line is sent as the text of a "set".
  static std::string said(const std::string& host, const std::string& line) {
    return on(lab(), host,
              "timeout 10 bash -c 'exec 3<>/dev/tcp/127.0.0.1/11211; printf \"" + line +
                  "\\r\\nquit\\r\\n\" >&3; cat <&3' | tr -d '\\r'");
  }
};

} // namespace

TEST_F(Memcached, IsAsLargeAsTheFileSaysAndReachedFromItsOwnServerAlone) {
  for (const auto* host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    EXPECT_THAT(said(host, "stats settings"), HasSubstr("STAT maxbytes 33554432\n"));
    EXPECT_EQ(on(lab(), host, "ss -Htlun 'sport = :11211' | awk '{print $1, $5}' | sort"),
              "tcp 127.0.0.1:11211\ntcp [::1]:11211");
    EXPECT_FALSE(holds_on(lab(), "tre", "timeout 5 bash -c 'echo > /dev/tcp/" + address_of(host) + "/11211'"));
  }
}

TEST_F(Memcached, IsEmptyOnANewPrimary) {
  const auto old = primary();
  const auto now = other(old);
  for (const auto& host : {old, now})
    ASSERT_THAT(said(host, "set price 0 0 2\\r\\n99"), HasSubstr("STORED"));
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  ASSERT_EQ(wait_until_whole(), now);
  EXPECT_EQ(said(now, "get price"), "END") << "a price of before the change would be shown";
  EXPECT_THAT(said(old, "get price"), HasSubstr("99")) << "a standby's own is emptied when it becomes the primary";
  ASSERT_THAT(said(now, "set price 0 0 2\\r\\n98"), HasSubstr("STORED"));
  ASSERT_OK(lab().cut(now));
  ASSERT_OK(pair().tandem(old, {"failover", "--alone", now}));
  EXPECT_EQ(said(old, "get price"), "END");
  ASSERT_OK(lab().boot(now));
  EXPECT_EQ(wait_until_whole(), old);
}

} // namespace tandem::lab
