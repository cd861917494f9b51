// Whether two trees are alike: whatever rsync would find must be found, and nothing else.
#include "replication/files/census.hpp"
#include "replication/files/rsync.hpp"
#include "system/link.hpp"
#include "system/processes.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

namespace tandem::replication {

namespace {

namespace fs = std::filesystem;

class CensusTest : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = "/var/tmp/tandem-census-XXXXXX";
    base = ::mkdtemp(pattern.data());
    fs::create_directories(here(""));
    make("a/b/c.txt", "one");
    make("a/plain", "two");
    make("d/photo.jpg", std::string(3000, 'x'));
    fs::create_directories(here("empty"));
    fs::create_symlink("photo.jpg", here("d/link"));
    fs::create_hard_link(here("a/plain"), here("d/other-name"));
    copy();
  }

  void TearDown() override { fs::remove_all(base); }

  [[nodiscard]] std::string here(const std::string& path) const { return base + "/here/" + path; }

  [[nodiscard]] std::string there(const std::string& path) const { return base + "/there/" + path; }

  void make(const std::string& path, const std::string& content) const {
    fs::create_directories(fs::path(here(path)).parent_path());
    std::ofstream(here(path)) << content;
  }

  std::string rsync(bool rehearsal) {
    std::vector<std::string> arguments{
        "rsync", "-aHAXS", "--numeric-ids", "--delete", "--modify-window=-1", "--out-format=%i %n"};
    if (rehearsal) arguments.emplace_back("--dry-run");
    arguments.insert(arguments.end(), rules.begin(), rules.end());
    arguments.push_back(here(""));
    arguments.push_back(there(""));
    const auto outcome = run_checked(processes, {.arguments = arguments});
    EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().message);
    return outcome ? outcome->output : "";
  }

  void copy() { rsync(false); }

  // Of the trees as they are. `flush`: what happens before what was unlike is looked at once more.
  Census compare(const std::function<Result<void>()>& flush = [] { return failed("nothing is streamed"); }) {
    auto link = system::make_link();
    const auto root = [&](const std::string& path) {
      return std::vector{CensusRoot{.path = path, .patterns = Patterns::of_rules(rules)}};
    };
    Result<void> answered;
    std::thread far([&, socket = std::move(link->first)] {
      answered = answer_census(root(base + "/there"), socket.get(), socket.get());
    });
    Result<Census> census;
    std::thread near([&, socket = std::move(link->second)] {
      auto taker = CensusTaker::open(root(base + "/here"), socket.get(), socket.get());
      census = taker ? take_census(*taker, flush) : std::unexpected(taker.error());
    });
    near.join();
    far.join();
    EXPECT_TRUE(answered) << answered.error().message;
    EXPECT_TRUE(census) << census.error().message;
    return census.value_or(Census());
  }

  std::string base;
  std::vector<std::string> rules;
  system::LinuxProcesses processes;
};

void set_attribute(const std::string& path, const std::string& value) {
  ASSERT_EQ(::lsetxattr(path.c_str(), "user.colour", value.data(), value.size(), 0), 0);
}

} // namespace

TEST_F(CensusTest, TreesThatAreCopiesAreAlikeAndCounted) {
  const auto census = compare();
  EXPECT_TRUE(census.alike());
  EXPECT_EQ(census.names, 10U) << "the root, a, b, c.txt, plain, d, photo.jpg, link, other-name, empty";
}

// Each of them alone, with the time put back where there is one.
TEST_F(CensusTest, WhateverDiffersIsFound) {
  struct Case {
    std::string what;
    std::function<void()> change;
  };

  const auto keep_time = [&](const std::string& path, const std::function<void()>& change) {
    const auto time = fs::last_write_time(path);
    change();
    fs::last_write_time(path, time);
  };
  const std::vector<Case> cases{
      {"a file more", [&] { keep_time(there("a/b"), [&] { std::ofstream(there("a/b/more")) << ""; }); }},
      {"a file less", [&] { keep_time(there("d"), [&] { fs::remove(there("d/photo.jpg")); }); }},
      {"a folder less", [&] { keep_time(base + "/there", [&] { fs::remove(there("empty")); }); }},
      {"another size", [&] { keep_time(there("d/photo.jpg"), [&] { fs::resize_file(there("d/photo.jpg"), 2999); }); }},
      {"a nanosecond",
       [&] {
         const auto time = fs::last_write_time(there("a/b/c.txt"));
         fs::last_write_time(there("a/b/c.txt"), time + std::chrono::nanoseconds(1));
       }},
      {"a mode", [&] { ::chmod(there("d/photo.jpg").c_str(), 0600); }},
      {"an owner", [&] { ::chown(there("d/photo.jpg").c_str(), 1234, 0); }},
      {"a group of a link", [&] { ::lchown(there("d/link").c_str(), 0, 1234); }},
      {"a folder's mode", [&] { ::chmod(there("empty").c_str(), 0711); }},
      {"the root's mode", [&] { ::chmod((base + "/there").c_str(), 0711); }},
      {"a folder's time", [&] { fs::last_write_time(there("a"), fs::file_time_type::clock::now()); }},
      {"an attribute", [&] { set_attribute(there("a/b/c.txt"), "red"); }},
      {"a folder's attribute", [&] { set_attribute(there("a/b"), "red"); }},
      {"a name that leads elsewhere",
       [&] {
         keep_time(there("d"), [&] {
           fs::remove(there("d/other-name"));
           fs::copy_file(there("a/plain"), there("d/other-name"));
         });
         fs::last_write_time(there("d/other-name"), fs::last_write_time(there("a/plain")));
       }},
      {"names of one file",
       [&] {
         keep_time(there("d"), [&] {
           fs::remove(there("d/photo.jpg"));
           fs::create_hard_link(there("a/b/c.txt"), there("d/photo.jpg"));
         });
       }},
      {"names of one link",
       [&] {
         fs::create_hard_link(here("d/link"), here("d/link-too"));
         copy();
         keep_time(there("d"), [&] {
           struct stat status{};
           ASSERT_EQ(::lstat(there("d/link").c_str(), &status), 0);
           fs::remove(there("d/link-too"));
           fs::create_symlink("photo.jpg", there("d/link-too"));
           const std::array<timespec, 2> times{status.st_atim, status.st_mtim};
           ASSERT_EQ(::utimensat(AT_FDCWD, there("d/link-too").c_str(), times.data(), AT_SYMLINK_NOFOLLOW), 0);
         });
       }},
      {"two files that have changed places", [&] {
         keep_time(there("a"), [&] {
           keep_time(there("a/b"), [&] {
             fs::rename(there("a/plain"), there("a/x"));
             fs::rename(there("a/b/c.txt"), there("a/plain"));
             fs::rename(there("a/x"), there("a/b/c.txt"));
           });
         });
       }}};
  for (const auto& one : cases) {
    ASSERT_TRUE(compare().alike());
    one.change();
    EXPECT_NE(rsync(true), "") << one.what << ": it makes no difference";
    EXPECT_FALSE(compare().alike()) << one.what;
    copy();
  }
}

// Random changes: alike when, and only when, rsync has nothing to do.
TEST_F(CensusTest, FindsWhatRsyncFinds) {
  rules = {"--filter=-p *.tmp", "--filter=+ /code/**", "--filter=-p logs/*"};
  std::mt19937 random(17); // NOLINT(cert-msc51-cpp): the same each time
  const auto any = [&](unsigned limit) { return static_cast<unsigned>(random() % limit); };
  const std::vector<std::string> folders{"", "a", "a/b", "d", "code", "code/logs", "logs", "a/logs"};
  for (const auto& folder : folders)
    fs::create_directories(here(folder));
  unsigned found = 0;
  for (int round = 0; round < 60; ++round) {
    copy();
    const auto side = [&](const std::string& path) { return any(2) == 0 ? here(path) : there(path); };
    for (unsigned changes = any(3); changes > 0; --changes) {
      const auto folder = folders[any(static_cast<unsigned>(folders.size()))];
      const auto path =
          side((folder.empty() ? "" : folder + "/") + std::vector<std::string>{"x", "y.tmp", "z"}[any(3)]);
      switch (any(4)) {
      case 0:
        std::ofstream(path) << any(1000);
        break;
      case 1:
        fs::remove(path);
        break;
      case 2:
        ::chmod(path.c_str(), 0600 + any(8));
        break;
      default:
        fs::last_write_time(side(folder), fs::file_time_type::clock::now());
        break;
      }
    }
    const auto said = rsync(true);
    found += said.empty() ? 0 : 1;
    EXPECT_EQ(compare().alike(), said.empty()) << "round " << round << ": " << said;
  }
  EXPECT_GT(found, 10U);
  EXPECT_LT(found, 55U);
}

TEST_F(CensusTest, WhatIsOnItsWayIsLookedAtOnceMore) {
  make("a/b/new", "on its way");
  make("late", "too");
  int flushes = 0;
  const auto census = compare([&]() -> Result<void> {
    if (++flushes == 2) copy();
    return {};
  });
  EXPECT_TRUE(census.alike());
  EXPECT_EQ(flushes, 2);
  EXPECT_EQ(census.names, 12U);
}

TEST_F(CensusTest, TellsWhatDiffersAndDoesNotAskForEver) {
  make("a/b/new", "never sent");
  fs::create_directories(here("a/whole/of/it"));
  ::chmod(there("d/photo.jpg").c_str(), 0600);
  const auto census = compare([] { return Result<void>(); });
  EXPECT_EQ(census.unlike, 6U) << "a, a/b, d, and the three that are not there";
  ASSERT_TRUE(census.differences);
  using Difference = Census::Difference;
  EXPECT_THAT(*census.differences,
              testing::IsSupersetOf({Difference{{0, "a"}}, Difference{{0, "a/whole"}, true}, Difference{{0, "a/b"}},
                                     Difference{{0, "a/b/new"}, true}, Difference{{0, "d/photo.jpg"}}}));
  EXPECT_THAT(*census.differences, testing::Each(testing::Field(&Difference::extra, false)));
}

TEST_F(CensusTest, TellsWhatWouldHaveToBeRemoved) {
  std::ofstream(there("d/stray")) << "of the standby alone";
  fs::remove(there("a/b/c.txt"));
  fs::create_directories(there("a/b/c.txt"));
  const auto census = compare();
  ASSERT_TRUE(census.differences);
  std::vector<std::string> extra;
  for (const auto& one : *census.differences)
    if (one.extra) extra.push_back(one.place.path);
  EXPECT_THAT(extra, testing::UnorderedElementsAre("d/stray", "a/b/c.txt"));
}

TEST_F(CensusTest, WhatComesAndGoesAllTheTimeIsNothingToRemove) {
  int flushes = 0;
  const auto busy = [&]() -> Result<void> {
    copy();
    fs::remove(there("a/sessions/kept")); // is never sent
    make("a/sessions/" + std::to_string(++flushes), "of a moment");
    std::ofstream(there("a/sessions/gone" + std::to_string(flushes))) << "not removed yet";
    return {};
  };
  make("a/sessions/kept", "for long");
  const auto census = compare(busy);
  EXPECT_EQ(flushes, 4);
  ASSERT_TRUE(census.differences);
  using Difference = Census::Difference;
  const Difference kept{{0, "a/sessions/kept"}, true};
  EXPECT_THAT(*census.differences, testing::Contains(kept));
  // The folder's own time is the same on both sides where one tick of the clock saw both changes.
  EXPECT_THAT(*census.differences, testing::Each(testing::AnyOf(kept, Difference{{0, "a/sessions"}})));
}

TEST_F(CensusTest, WhatIsThereForLongIsToBeRemovedHoweverBusyItsFolder) {
  int flushes = 0;
  const auto busy = [&]() -> Result<void> {
    std::ofstream(there("d/of-a-moment" + std::to_string(++flushes))) << "not removed yet";
    fs::remove(there("d/of-a-moment" + std::to_string(flushes - 1)));
    return {};
  };
  std::ofstream(there("d/stray")) << "of the standby alone";
  const auto census = compare(busy);
  ASSERT_TRUE(census.differences);
  EXPECT_THAT(*census.differences, testing::UnorderedElementsAre(Census::Difference{{0, "d"}},
                                                                 Census::Difference{{0, "d/stray"}, false, true}));
}

// The other end must not wait for this one while this one waits for it.
TEST_F(CensusTest, ManyFoldersThatDiffer) {
  for (int count = 0; count < 3000; ++count)
    fs::create_directories(here(std::string(200, 'n') + std::to_string(count)));
  const auto census = compare();
  EXPECT_EQ(census.unlike, 3001U);
  EXPECT_EQ(census.places.size(), 1000U);
  EXPECT_FALSE(census.differences);
}

TEST(CensusWords, AreReadBackAndNothingElseIs) {
  model::Pair pair;
  pair.files.replicate = {"/www", "/home/import1c"};
  pair.files.exclude = {"*.pyc"};
  const auto roots = census_roots(census_words(pair));
  ASSERT_TRUE(roots);
  ASSERT_EQ(roots->size(), 2U);
  EXPECT_EQ(roots->at(1).path, "/home/import1c");
  EXPECT_EQ(roots->at(0).patterns.texts(), filter_rules(pair, "/www"));
  const auto& www = roots->at(0).patterns;
  EXPECT_TRUE(www.leave_out("a.pyc", false));
  EXPECT_FALSE(www.leave_out(".releases/a/envs/b/c.pyc", false)) << "code is carried whole";
  EXPECT_TRUE(www.leave_out(".releases/a/building/b", false));
  EXPECT_TRUE(www.leave_out(".releases/a/by-hand", true));
  EXPECT_FALSE(census_roots({"--rule=- x"}));
  EXPECT_FALSE(census_roots({"--root=/www", "/etc"}));
}

} // namespace tandem::replication
