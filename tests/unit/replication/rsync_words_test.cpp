#include "replication/files/removals.hpp"
#include "replication/files/rsync.hpp"

#include <gmock/gmock.h>

namespace tandem::replication {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

TEST(FilterRules, LeaveOutWhatTheConfigurationSays) {
  model::Pair pair;
  model::Site site;
  site.domain = "janome.club";
  site.folders = {{.name = "media"}, {.name = "cache", .replicate = false}};
  pair.sites = {site};
  pair.files.exclude = {"*.pyc", "logs/", "/lost+found/"};
  EXPECT_THAT(filter_rules(pair, "/www"),
              testing::ElementsAre("--filter=-p .*.tandem-[0-9]*-[0-9]*", "--filter=- /.releases/*/by-hand*",
                                   "--filter=- /.releases/*/building/", "--filter=+ /.releases/*/envs/**",
                                   "--filter=+ /.releases/*/[0-9]*/**", "--filter=+ /.releases/*/repo.git/**",
                                   "--filter=-p /.releases/janome.club/shared/cache/*", "--filter=-p *.pyc",
                                   "--filter=-p logs/*", "--filter=-p /lost+found/*"));
  EXPECT_THAT(filter_rules(pair, "/home/import1c"), Not(Contains(HasSubstr(".releases")))) << "sites lie in /www alone";
}

TEST(FilterRules, LeaveEachServersUploadsAlone) {
  model::Pair pair;
  pair.users.push_back({.name = "import1c", .folders = {"import"}});
  pair.files.exclude = {};
  model::Site site;
  site.domain = "janome.club";
  pair.sites = {site};
  EXPECT_THAT(filter_rules(pair, "/home/import1c"), Not(Contains(HasSubstr("import")))) << "no import takes them in";
  pair.sites[0].import = model::Import{.user = "import1c", .run = "x"};
  EXPECT_THAT(filter_rules(pair, "/home/import1c"), Contains("--filter=-p /import/*"));
  EXPECT_THAT(filter_rules(pair, "/home"), Contains("--filter=-p /import1c/import/*"));
  EXPECT_THAT(filter_rules(pair, "/home/import1c/import"), Contains("--filter=-p /*"));
  EXPECT_THAT(filter_rules(pair, "/www"), Not(Contains(HasSubstr("import"))));
}

TEST(RsyncArguments, NameTheJobAndNothingFromElsewhere) {
  const RsyncJob job{.root = "/www", .most_deletions = 12};
  const auto client = client_arguments(job, {"--filter=-p *.pyc"}, "tandem stream duo files");
  EXPECT_THAT(client, Contains("--modify-window=-1"));
  EXPECT_THAT(client, Contains("--max-delete=12"));
  EXPECT_THAT(client, Not(Contains("--dry-run")));
  EXPECT_EQ(client.back(), "peer:/www/");
  EXPECT_THAT(client_arguments({.root = "/www", .rehearsal = true}, {}, "x"), Contains("--dry-run"));
  EXPECT_EQ(server_arguments(job), (std::vector<std::string>{"rsync", "--server", "-lHogDtpAXrSe.iLsfxCIvu",
                                                             "--log-format=%i", "--max-delete=12", "--delete-delay",
                                                             "--stats", "-@-1", "--numeric-ids", ".", "/www/"}));
  EXPECT_EQ(server_arguments({.root = "/www", .rehearsal = true})[2], "-nlHogDtpAXrSe.iLsfxCIvu");
  const auto keeps = server_arguments({.root = "/www", .keep_in = "/kept/2-files/www"});
  EXPECT_THAT(keeps, Contains("--backup-dir=/kept/2-files/www"));
  EXPECT_THAT(server_arguments({.root = "/www", .rehearsal = true, .keep_in = "/kept"}), Not(Contains("--backup")));
}

TEST(RsyncChanges, AreReadLineByLine) {
  EXPECT_EQ(parse_change("<f+++++++++ 20480 media/a photo.jpg"),
            (FileChange{ChangeKind::sent, 20480, "media/a photo.jpg", true}));
  EXPECT_EQ(parse_change(".d..t...... 4096 ./"), (FileChange{ChangeKind::changed, 4096, "./"}));
  EXPECT_EQ(parse_change("cL+++++++++ 1 l"), (FileChange{ChangeKind::changed, 1, "l", true}));
  EXPECT_EQ(parse_change("hf+++++++++ 7 second name"), (FileChange{ChangeKind::changed, 7, "second name", true}));
  EXPECT_EQ(parse_change("*deleting   0 x/f"), (FileChange{ChangeKind::deleted, 0, "x/f"}));
  for (const auto* other : {"", "*deleting", "*deleting   x/f", "cannot delete non-empty directory: x",
                            "Number of files: 12 (reg: 3, dir: 8, link: 1)", "<f+++++++++ -1 a", "<f+++++++++ a b"})
    EXPECT_EQ(parse_change(other), std::nullopt) << other;
}

TEST(RsyncStats, AreReadFromItsLastWords) {
  const std::string words = "Number of files: 12 (reg: 3, dir: 8, link: 1)\n"
                            "Number of created files: 2 (reg: 1, link: 1)\n"
                            "Number of deleted files: 3 (reg: 2, dir: 1)\n"
                            "Number of regular files transferred: 1\n"
                            "Total file size: 5 bytes\n"
                            "Literal data: 4 bytes\n";
  const auto stats = parse_stats(words);
  ASSERT_TRUE(stats) << stats.error().message;
  EXPECT_EQ(*stats, (RsyncStats{12, 2, 3, 1, 4}));
  EXPECT_EQ(stats->at_target(), 13U);
  EXPECT_FALSE(parse_stats("")) << "a rsync that did not count is not one that found nothing";
  EXPECT_FALSE(parse_stats(words.substr(0, words.size() / 2)));
}

TEST(DeletionGuard, HoldsWhenMoreThanItsPartWouldVanish) {
  const RsyncStats rehearsed{.files = 90, .created = 0, .deleted = 10};
  EXPECT_TRUE(check_deletions("/www", rehearsed, {.wanted = 10}, 0.10));
  const auto refused = check_deletions("/www", {.files = 89, .created = 0, .deleted = 11}, {.wanted = 11}, 0.10);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("11 of 100 files in /www on the standby would vanish"));
  EXPECT_THAT(refused.error().hint, HasSubstr("--allow-deletions"));
}

TEST(DeletionGuard, HoldsForAnEmptySourceWhateverItsPart) {
  EXPECT_FALSE(
      check_deletions("/www", {.files = 1, .created = 0, .deleted = 3}, {.wanted = 3, .source_empty = true}, 1.0));
  EXPECT_TRUE(check_deletions("/www", {.files = 1, .created = 0, .deleted = 0}, {.source_empty = true}, 0.1))
      << "a pair that has no files yet";
}

// The stream of changes and a comparison take from the same tenth.
TEST(DeletionGuard, CountsWhatHasVanishedWithinTheHour) {
  const RsyncStats rehearsed{.files = 700, .created = 0, .deleted = 50};
  EXPECT_TRUE(check_deletions("/www", rehearsed, {.wanted = 50}, 0.10));
  EXPECT_TRUE(check_deletions("/www", rehearsed, {.wanted = 50, .earlier = 50}, 0.10)) << "a hundred may always go";
  EXPECT_FALSE(check_deletions("/www", rehearsed, {.wanted = 50, .earlier = 60}, 0.10));
  EXPECT_TRUE(check_deletions("/www", rehearsed, {.wanted = 0, .earlier = 400}, 0.10));
  EXPECT_TRUE(check_deletions("/www", rehearsed, {.wanted = 50, .made = 60, .earlier = 60}, 0.10));
  EXPECT_FALSE(check_deletions("/www", rehearsed, {.wanted = 1, .stopped = true}, 0.10));
  EXPECT_TRUE(check_deletions("/www", rehearsed, {.wanted = 0, .stopped = true}, 0.10));
}

TEST(Removals, AreOfOneHourUnlessTheyWereStopped) {
  using std::chrono::minutes;
  const Removals::Time start{};
  Removals removals;
  removals.compared("/www", 35, 5, start);
  removals.stream_says("/www", 40, start + minutes(10));
  removals.stream_says("/www", 50, start + minutes(20));
  EXPECT_EQ(removals.of("/www", start + minutes(30)), 80U);
  EXPECT_EQ(removals.of("/www", start + minutes(59)), 50U) << "a comparison is about its own hour";
  EXPECT_EQ(removals.of("/home/import", start), 0U);
  removals.stream_begins(start + minutes(30)); // it is told of all 80 and goes on from there
  removals.stream_says("/www", 85, start + minutes(40));
  EXPECT_EQ(removals.known(start + minutes(50)).names.at("/www"), 85U);
  EXPECT_EQ(removals.of("/www", start + minutes(61)), 0U);
  removals.stop("too many");
  EXPECT_EQ(removals.of("/www", start + minutes(300)), 85U);
  EXPECT_TRUE(removals.known(start + minutes(300)).stopped);
  removals.forget();
  EXPECT_EQ(removals.of("/www", start), 0U);
  EXPECT_FALSE(removals.known(start).stopped);
}

TEST(DeletionGuard, DoesNotCountCode) {
  EXPECT_TRUE(is_code("/www", ".releases/janome.club/envs/0123/lib/x.py"));
  EXPECT_TRUE(is_code("/www", ".releases/janome.club/20261124083000-85e57f8/manage.py"));
  EXPECT_FALSE(is_code("/www", ".releases/janome.club/shared/media/photo.jpg"));
  EXPECT_FALSE(is_code("/www", ".releases/janome.club/"));
  EXPECT_FALSE(is_code("/srv", ".releases/janome.club/envs/0123/lib/x.py"));
}

} // namespace tandem::replication
