// The file stream's messages, patterns and queue.
#include "replication/files/dirty_queue.hpp"
#include "replication/files/patterns.hpp"
#include "system/processes.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace tandem::replication {

namespace {

namespace fs = std::filesystem;
using namespace stream;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

system::Node a_node() {
  return {.exists = true,
          .type = system::FileType::regular,
          .mode = 04755,
          .uid = 70000,
          .gid = 33,
          .size = 1ULL << 40U,
          .modified_ns = -5,
          .target = {},
          .attributes = {{"user.colour", std::string("r\0d", 3)}, {"user.none", ""}},
          .links = 2};
}

} // namespace

TEST(StreamMessages, ReadBackAsTheyWereInPiecesToo) {
  const Place place{.root = 3, .path = std::string("a/\xff\n*", 5)};
  const std::vector<Message> all{Put{place, 7, a_node(), std::string(3000, '\0'), true},
                                 Offer{place, 8, a_node()},
                                 Begin{1, place, 1ULL << 41U},
                                 Piece{1, 1ULL << 33U, "bytes", true, true},
                                 End{1, a_node(), {1ULL << 62U, 3}},
                                 Drop{2},
                                 Remove{place, true},
                                 Rename{place, {.root = 0, .path = "b"}, 9},
                                 Link{place, "the first", 9},
                                 Listing{place, 5, "a", "z", {{"", 0}, {"x", 1ULL << 63U}, {"y z", 2}}},
                                 Mark{10, true},
                                 Want{place, 11, true, true, true},
                                 Refused{place, 12, "no room", false, true},
                                 Done{13, true},
                                 Listed{3},
                                 Removed{2, 14},
                                 Sums{4, "sums", true, true},
                                 Took{5, 1ULL << 40U},
                                 Stop{"too many", true},
                                 Check{place, 15, 16, -17, 18, 19, std::string(32, 'd')},
                                 Checked{15, true},
                                 Look{place},
                                 Looked{true, {1ULL << 63U, 20}},
                                 Groups{3, {21, 22}},
                                 Unlike{place},
                                 Compared{23, 24}};
  EXPECT_EQ(all.size(), std::variant_size_v<Message>);
  std::string bytes;
  for (const auto& message : all)
    bytes += encode(message);
  for (const std::size_t piece : {1UL, 7UL, 100'000UL}) {
    Reader reader;
    std::vector<Message> read;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      reader.take(std::string_view(bytes).substr(at, piece));
      for (;;) {
        const auto next = reader.next();
        ASSERT_TRUE(next) << next.error().message;
        if (!*next) break;
        read.push_back(**next);
      }
    }
    EXPECT_TRUE(read == all) << piece;
  }
}

TEST(StreamMessages, ThatAreCutShortOrGoOnOrAreOfNoKindAreRefused) {
  const auto whole = encode(Refused{{.root = 1, .path = "path"}, 2, "why"}).substr(4);
  ASSERT_TRUE(decode(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(decode(whole.substr(0, size))) << size;
  EXPECT_FALSE(decode(whole + "x"));
  EXPECT_FALSE(decode("\x7f"));
  Reader reader;
  reader.take("\xff\xff\xff\xff");
  EXPECT_FALSE(reader.next());
}

namespace {

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

} // namespace

// Asks rsync itself what it leaves out.
TEST(StreamPatterns, LeaveOutWhatRsyncDoes) {
  std::string base = "/tmp/tandem-patterns-XXXXXX";
  ASSERT_NE(::mkdtemp(base.data()), nullptr);
  const auto files = words_of(
      R"(a.pyc d/a.pyc d/e/f.txt logs/x.log d/logs/y.log d/log/z cache/deep d/cache/k e/d/f f1 f2 d/f[1] star* d/d/d/x
lost+found/q d/.hidden d/e/g/f.txt ab/c f k/f b\s bs/x b\t/y Big9 f[2 [q -x ]y f\ m\n/o)");
  for (const auto& file : files) {
    fs::create_directories(fs::path(base + "/from/" + file).parent_path());
    std::ofstream(base + "/from/" + file) << "x";
  }
  system::LinuxProcesses processes;
  for (const auto& pattern :
       words_of(R"(*.pyc logs/ logs/* /cache/ cache d/e /d/*/f.txt d/**/f.txt **/f f? f[0-1] f[!1] f\[1] star\*
/lost+found/ d/ * /e a*/c ** d/e/** [a-c]* **/cache/ **/d/* cache/*** /d/*** d/e/*** **/e/*** b\s b\\s b\\s* [[:upper:]]*[[:digit:]]
[^[:alpha:]]* f[[:digit:]x] [[:none:]]* [^[:none:]]* [[:none:]f]* f[1 [[:]* [[:a]b:]* b\s/*** b\\s/*** d/[d-\f] []f]* [^]f]* [a-]* f*\
[!-]* m\n/)")) {
    fs::remove_all(base + "/to");
    fs::create_directories(base + "/to");
    ASSERT_TRUE(
        run_checked(processes, {.arguments = {"rsync", "-r", "--exclude=" + pattern, base + "/from/", base + "/to/"}}));
    const Patterns patterns({pattern});
    for (const auto& file : files)
      EXPECT_EQ(patterns.leave_out(file, false), !fs::exists(base + "/to/" + file)) << pattern << " and " << file;
  }
  fs::remove_all(base);
}

TEST(StreamPatterns, APatternForAllInAFolderIsReadAsThatOfTheFolder) {
  EXPECT_TRUE(Patterns({all_in("m\\n/")}).leave_out("m\\n/o", false));
  EXPECT_TRUE(Patterns({all_in("m\\[n*/")}).leave_out("m[no/p", false));
  EXPECT_TRUE(Patterns({all_in("cache/")}).leave_out("cache/x", false));
  EXPECT_FALSE(Patterns({all_in("cache/")}).leave_out("cache", true));
}

TEST(StreamPatterns, KnowWhatEachServerHasForItself) {
  const Patterns patterns({"/site/my\\ cache/*", "/own\\x/here", "*.log"});
  EXPECT_TRUE(patterns.keeps_below("site"));
  EXPECT_TRUE(patterns.keeps_below("site/my cache"));
  EXPECT_FALSE(patterns.keeps_below("site/my\\ cache"));
  EXPECT_TRUE(patterns.keeps_below("own\\x"));
  EXPECT_FALSE(patterns.keeps_below("ownx"));
  EXPECT_FALSE(patterns.keeps_below("logs"));
}

TEST(StreamPatterns, OfARootAreThoseOfItsComparison) {
  model::Pair pair;
  model::Site site;
  site.domain = "janome.club";
  site.folders = {{.name = "media"}, {.name = "cache", .replicate = false}};
  pair.sites = {site};
  pair.files.exclude = {"*.pyc", "logs/"};
  const auto patterns = stream_patterns(pair, "/www");
  EXPECT_FALSE(patterns.leave_out(".releases/janome.club/shared/media/a.jpg", false));
  EXPECT_FALSE(patterns.leave_out(".releases/janome.club/shared/cache", true)) << "it is carried, empty";
  EXPECT_FALSE(patterns.leave_out("pictures/logs", true));
  for (const auto* path : {".releases/janome.club/shared/cache/k", ".releases/janome.club/20261124083000-85e57f8/a.py",
                           ".releases/janome.club/envs/k/bin/python", ".releases/janome.club/building/copy/static/a",
                           "janome.club", "pictures/logs/x.log", "a.pyc", "m/.photo.jpg.tandem-12-3"})
    EXPECT_TRUE(patterns.leave_out(path, false)) << path;
}

TEST(DirtyQueue, HasEachPlaceOnceAndLooksAtBothNamesAfterARename) {
  DirtyQueue queue;
  const auto now = Time{};
  const auto place = [](const std::string& path) { return Place{.root = 0, .path = path}; };
  queue.add({.place = place("a"), .open = true});
  queue.add({.place = place("b")});
  queue.add({.place = place("a"), .content = true});
  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue.oldest(), 1U);
  queue.rename(place("a"), place("c"), 0);
  const auto first = queue.take(now);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->place.path, "b");
  std::vector<std::string> said;
  while (const auto what = queue.take(now))
    said.push_back((what->renamed_from ? what->renamed_from->path + " to " : "") + what->place.path +
                   (what->deep ? " deep" : "") + (what->content ? " content" : ""));
  EXPECT_THAT(said, ::testing::ElementsAre("a to c", "c deep content", "a deep content"));
  EXPECT_EQ(queue.oldest(), queue.next_order());
}

TEST(DirtyQueue, WaitsForWhatWasRefusedAndNotForWhatRests) {
  DirtyQueue queue;
  const auto now = Time{};
  queue.let_rest({.place = {.root = 0, .path = "open"}}, now + std::chrono::seconds(1));
  queue.let_rest({.place = {.root = 0, .path = "open"}}, now + std::chrono::seconds(2));
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(queue.oldest(), queue.next_order());
  queue.add_later({.place = {.root = 0, .path = "refused"}}, now + std::chrono::seconds(3));
  EXPECT_LT(queue.oldest(), queue.next_order());
  EXPECT_FALSE(queue.take(now));
  EXPECT_EQ(*queue.next(now), now + std::chrono::seconds(1));
  EXPECT_EQ(queue.take(now + std::chrono::seconds(1))->place.path, "open");
  EXPECT_EQ(queue.take(now + std::chrono::seconds(3))->place.path, "refused");
  EXPECT_EQ(queue.size(), 0U);
}

TEST(DirtyQueue, WhatRestedComesOnceWhenItIsClosedAndIsWaitedForFromItsBeginning) {
  DirtyQueue queue;
  const auto now = Time{};
  const Place place{.root = 0, .path = "slow"};
  queue.add({.place = {.root = 0, .path = "before"}});
  ASSERT_TRUE(queue.take(now));
  queue.let_rest({.place = place, .order = 2, .open = true, .rests = 1}, now + std::chrono::seconds(1));
  queue.let_rest({.place = place, .order = 5, .open = true, .rests = 1}, now + std::chrono::seconds(2));
  EXPECT_EQ(queue.oldest(), 2U);
  EXPECT_EQ(queue.oldest_at(place), 2U);
  EXPECT_EQ(*queue.next(now), now + std::chrono::seconds(1));
  queue.add({.place = place, .order = 7, .content = true});
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(queue.oldest(), 2U);
  EXPECT_TRUE(queue.take(now));
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(queue.oldest(), queue.next_order());
}

} // namespace tandem::replication
