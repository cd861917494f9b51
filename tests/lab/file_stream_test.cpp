// Files are on the standby as soon as they are closed on the primary.
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

class FileStream : public PairTest {
protected:
  static void wait_live(const std::string& from) {
    EXPECT_TRUE(wait_until(
        [&] {
          const auto standbys = status_of(pair(), from, from)["files"]["standbys"];
          return standbys.is_array() && !standbys.empty() && standbys[0].value("streamed", false);
        },
        std::chrono::minutes(2)))
        << on(lab(), from, "journalctl -u tandem -o cat | tail -20");
  }

  static void flush(const std::string& from) {
    const auto flushed = pair().tandem(from, {"files", "flush"});
    EXPECT_TRUE(flushed) << flushed.error().message;
  }

  // Everything below the folder: kind, mode, owner, time, target and content.
  static std::string picture(const std::string& host, const std::string& folder) {
    return on(lab(), host,
              "cd " + folder +
                  R"( && find . -printf '%y %m %U:%G %T@ %s %l %p\n' | sed -E '/^d/s/ [0-9]+ ( *[^ ]*)$/ \1/' | sort |
                      sha256sum; find . -type f -print0 | sort -z | xargs -0 -r sha256sum | sha256sum)");
  }
};

} // namespace

TEST_F(FileStream, AFileIsThereOnceItIsClosed) {
  const auto from = primary();
  const auto to = other(from);
  wait_live(from);
  EXPECT_FALSE(holds_on(lab(), from, "journalctl -u tandem | grep -q 'is watched by itself'"))
      << "this file system can be marked as a whole";
  on(lab(), from,
     "mkdir -p /www/drawings/deep/er && echo one > /www/drawings/deep/er/file && chmod 640 "
     "/www/drawings/deep/er/file && chown nikolays:www-data /www/drawings/deep/er/file && "
     "ln -s ../nowhere /www/drawings/link && echo no > /www/drawings/no.pyc");
  flush(from);
  EXPECT_EQ(on(lab(), to, "cat /www/drawings/deep/er/file"), "one");
  EXPECT_EQ(picture(to, "/www/drawings/deep"), picture(from, "/www/drawings/deep"));
  EXPECT_EQ(on(lab(), to, "readlink /www/drawings/link"), "../nowhere");
  EXPECT_FALSE(holds_on(lab(), to, "test -e /www/drawings/no.pyc"));
  on(lab(), from, "mv /www/drawings/deep /www/drawings/moved && rm /www/drawings/link");
  flush(from);
  EXPECT_EQ(picture(to, "/www/drawings/moved"), picture(from, "/www/drawings/moved"));
  EXPECT_FALSE(holds_on(lab(), to, "test -e /www/drawings/deep -o -L /www/drawings/link"));
  const auto elsewhere = pair().try_tandem(to, {"files", "flush"});
  ASSERT_TRUE(elsewhere);
  EXPECT_EQ(elsewhere->status, 3) << elsewhere->errors;
  on(lab(), from, "rm -rf /www/drawings");
  flush(from);
  EXPECT_FALSE(holds_on(lab(), to, "test -e /www/drawings"));
}

// As a disk does it: content that is another one, at the same size and time.
TEST_F(FileStream, WhatHasChangedOnTheStandbyAloneIsFoundAndSentAgain) {
  const auto from = primary();
  const auto to = other(from);
  wait_live(from);
  on(lab(), from,
     "mkdir -p /www/drawings && for n in $(seq 50); do echo drawing $n > /www/drawings/$n; done && "
     "head -c 5000000 /dev/urandom > /www/drawings/large");
  flush(from);
  const auto equal = pair().tandem(from, {"files", "verify", "--rate", "500"});
  EXPECT_TRUE(equal) << equal.error().message;
  on(lab(), to,
     "cd /www/drawings && touch -r 7 /run/seven && echo gnirward > 7 && truncate -s $(stat -c %s 8) 7 && touch -r "
     "/run/seven 7 && touch -r large /run/large && printf x | dd of=large bs=1 seek=4999999 conv=notrunc status=none "
     "&& "
     "touch -r /run/large large");
  const auto found = pair().try_tandem(from, {"files", "verify", "--rate", "500"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->status, 1) << found->output << found->errors;
  EXPECT_THAT(found->output, ::testing::HasSubstr("/www/drawings/7\n"));
  EXPECT_THAT(found->output, ::testing::HasSubstr("/www/drawings/large\n"));
  EXPECT_THAT(found->output, ::testing::HasSubstr(" 2 differed")) << found->errors;
  EXPECT_EQ(picture(to, "/www/drawings"), picture(from, "/www/drawings"));
  EXPECT_TRUE(pair().tandem(from, {"files", "verify", "--rate", "500"}));
  const auto elsewhere = pair().try_tandem(to, {"files", "verify"});
  ASSERT_TRUE(elsewhere);
  EXPECT_EQ(elsewhere->status, 3) << elsewhere->errors;
  on(lab(), from, "rm -rf /www/drawings");
  flush(from);
}

TEST_F(FileStream, GoesOnAfterAgentsHaveDiedAndTurnsWithTheRole) {
  const auto from = primary();
  const auto to = other(from);
  wait_live(from);
  for (const auto& victim : {to, from}) {
    on(lab(), from, "mkdir -p /www/drawings; for n in $(seq 60); do echo $n > /www/drawings/$n; done");
    on(lab(), victim, "systemctl kill -s KILL --kill-who=main tandem");
    on(lab(), from, "for n in $(seq 40 70); do echo again $n > /www/drawings/$n; done; rm /www/drawings/1*");
    ASSERT_EQ(wait_until_whole(), from);
    wait_live(from);
    flush(from);
    EXPECT_EQ(picture(to, "/www/drawings"), picture(from, "/www/drawings")) << victim << " had died";
  }
  ASSERT_OK(pair().tandem(from, {"switchover"}));
  ASSERT_EQ(wait_until_whole(), to);
  wait_live(to);
  on(lab(), to, "echo new > /www/drawings/of-the-new-one");
  flush(to);
  EXPECT_EQ(on(lab(), from, "cat /www/drawings/of-the-new-one"), "new");
  on(lab(), to, "rm -rf /www/drawings");
  flush(to);
}

// Neither by its content nor by what the kernel told: a comparison of all that is known of it.
TEST_F(FileStream, WhatAComparisonFindsIsSentByTheStream) {
  const auto from = primary();
  const auto to = other(from);
  wait_live(from);
  on(lab(), from, "mkdir -p /www/drawings && for n in $(seq 50); do echo drawing $n > /www/drawings/$n; done");
  flush(from);
  const auto since = on(lab(), from, "date +%s.%N");
  on(lab(), to, "cd /www/drawings && chmod 600 7 && rm 8 && touch -d yesterday 9");
  const auto found = pair().tandem(from, {"files", "reconcile"});
  ASSERT_TRUE(found) << found.error().message;
  // The three, and the folder that one is gone from.
  EXPECT_THAT(*found, ::testing::HasSubstr(to + ": 0 files sent (0 bytes), 4 changed otherwise, 0 deleted"));
  EXPECT_EQ(picture(to, "/www/drawings"), picture(from, "/www/drawings"));
  EXPECT_THAT(*pair().tandem(from, {"files", "reconcile"}), ::testing::HasSubstr(" 0 changed otherwise, 0 deleted"));
  // What has changed while the primary's agent was away.
  on(lab(), from, "systemctl stop tandem; echo meanwhile > /www/drawings/10; systemctl start tandem");
  ASSERT_EQ(wait_until_whole(), from);
  wait_live(from);
  flush(from);
  EXPECT_EQ(picture(to, "/www/drawings"), picture(from, "/www/drawings"));
  const auto journal = on(lab(), from, "journalctl -u tandem -o cat --since @" + since);
  EXPECT_THAT(journal, ::testing::HasSubstr("names compared, "));
  EXPECT_THAT(journal, ::testing::HasSubstr("differ (/www/drawings"));
  // What would have to be removed is rsync's, with its guard.
  on(lab(), to, "echo stray > /www/drawings/stray");
  EXPECT_THAT(*pair().tandem(from, {"files", "reconcile"}), ::testing::HasSubstr(" 1 deleted"));
  on(lab(), from, "rm -rf /www/drawings");
  flush(from);
}

// More than would ever be kept of it: a standby that is away is compared when it is back.
TEST_F(FileStream, AStandbyThatIsAwayForLongUnderChangeCatchesUp) {
  const auto from = primary();
  const auto to = other(from);
  wait_live(from);
  const auto forget_the_peak = [&] {
    for (const auto& host : {from, to})
      on(lab(), host, "for p in $(pidof tandem); do echo 5 > /proc/$p/clear_refs; done");
  };
  const auto peak_mb = [&](const std::string& host) {
    return std::stoi(on(lab(), host,
                        "for p in $(pidof tandem); do grep VmHWM /proc/$p/status; done | "
                        "awk '{ sum += $2 } END { print int(sum / 1024) }'"));
  };
  forget_the_peak();
  ASSERT_TRUE(lab().partition(from, to));
  on(lab(), from,
     "mkdir -p /www/drawings && cd /www/drawings && for folder in $(seq 120); do mkdir $folder && "
     "(cd $folder && touch $(seq 1000)); done; for n in $(seq 2000); do echo $n > often; done; rm -r 1*; mv 2 renamed");
  EXPECT_LT(peak_mb(from), 64);
  ASSERT_TRUE(
      wait_until([&] { return status_of(pair(), from, from)["files"]["standbys"][0].value("streamed", true) == false; },
                 std::chrono::minutes(3)))
      << "a stream to a server that is away has not ended";
  on(lab(), from, "cd /www/drawings && for folder in $(seq 20 40); do (cd $folder && touch $(seq 500 1500)); done");
  ASSERT_TRUE(lab().heal());
  ASSERT_EQ(wait_until_whole(), from);
  wait_live(from);
  flush(from);
  EXPECT_EQ(picture(to, "/www/drawings"), picture(from, "/www/drawings"));
  EXPECT_LT(peak_mb(from), 64);
  EXPECT_LT(peak_mb(to), 64);
  on(lab(), from, "rm -rf /www/drawings");
  EXPECT_TRUE(pair().tandem(from, {"files", "reconcile", "--allow-deletions"}));
}

} // namespace tandem::lab
