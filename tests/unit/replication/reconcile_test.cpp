// With the real rsync on both ends, between two folders of this machine.
#include "replication/files/reconcile.hpp"

#include <gmock/gmock.h>

#include <array>
#include <fstream>

namespace tandem::replication {

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// The primary's folder and the standby's. The transport is a script that starts what accept_job says, as the far
// side's agent does.
class Reconcile : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "tandem-reconcile-XXXXXX").string();
    base_ = ::mkdtemp(pattern.data());
    fs::create_directories(base_ / "here/www");
    fs::create_directories(base_ / "there/www");
    pair_.files.replicate = {root()};
    pair_.files.exclude = {"*.pyc", "logs/"};
  }

  void TearDown() override { fs::remove_all(base_); }

  [[nodiscard]] std::string root() const { return (base_ / "here/www").string(); }

  [[nodiscard]] fs::path there(const std::string& name) const { return base_ / "there/www" / name; }

  void put(const std::string& name, const std::string& content) {
    const auto path = fs::path(root()) / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }

  static std::string text(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // Keeps what the client's rsync asks for, and starts the far side's own list, its root being the other folder.
  Result<std::string> transport(const RsyncJob& job) {
    TANDEM_TRY(auto arguments, accept_job(files_, pair_, job));
    lists_.push_back(arguments);
    arguments.back() = (base_ / "there/www/").string();
    const auto script = base_ / "transport";
    std::ofstream out(script);
    out << "#!/bin/sh\nshift\nprintf '%s\\n' \"$@\" > '" << (base_ / "asked").string() << "'\nexec";
    for (const auto& argument : arguments)
      out << " '" << argument << "'";
    out << "\n";
    out.close();
    fs::permissions(script, fs::perms::owner_all);
    return script.string();
  }

  Result<Reconciled> reconcile(bool allow_deletions = false) {
    const FilesTools tools{files_, processes_, [this](const RsyncJob& job) { return transport(job); }};
    return replication::reconcile(tools, pair_, allow_deletions,
                                  [this](const std::string& line) { said_.push_back(line); });
  }

  fs::path base_;
  model::Pair pair_;
  system::LinuxFiles files_;
  system::LinuxProcesses processes_;
  std::vector<std::vector<std::string>> lists_; // of the far side
  std::vector<std::string> said_;
};

} // namespace

TEST_F(Reconcile, TheFarSidesListIsWhatRsyncItselfWouldAskFor) {
  put("a", "1");
  ASSERT_TRUE(reconcile());
  ASSERT_EQ(lists_.size(), 2U) << "a rehearsal and a run";
  std::vector<std::string> asked;
  std::ifstream file(base_ / "asked");
  for (std::string line; std::getline(file, line);)
    asked.push_back(line);
  EXPECT_EQ(asked, lists_.back());
}

TEST_F(Reconcile, CarriesEverythingButWhatIsExcluded) {
  put("media/photo.jpg", "pixels");
  put("code/a.pyc", "bytes");
  put("shared/logs/today.log", "lines");
  fs::create_hard_link(fs::path(root()) / "media/photo.jpg", fs::path(root()) / "media/second");
  fs::create_symlink("media/photo.jpg", fs::path(root()) / "link");
  fs::permissions(fs::path(root()) / "media", fs::perms(0750));
  const auto done = reconcile();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->sent, 1U);
  EXPECT_EQ(done->bytes, 6U);
  EXPECT_EQ(text(there("media/photo.jpg")), "pixels");
  EXPECT_EQ(fs::hard_link_count(there("media/photo.jpg")), 2U);
  EXPECT_EQ(fs::read_symlink(there("link")), "media/photo.jpg");
  EXPECT_EQ(fs::status(there("media")).permissions(), fs::perms(0750));
  EXPECT_FALSE(fs::exists(there("code/a.pyc")));
  EXPECT_TRUE(fs::exists(there("shared/logs"))) << "the application writes there when its server is the primary";
  EXPECT_FALSE(fs::exists(there("shared/logs/today.log")));
  EXPECT_THAT(said_, testing::Contains(HasSubstr("1 files to send")));
}

TEST_F(Reconcile, IsARehearsalOnlyWhenNothingDiffers) {
  put("a", "1");
  ASSERT_TRUE(reconcile());
  lists_.clear();
  said_.clear();
  const auto again = reconcile();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, Reconciled{.files = again->files});
  EXPECT_EQ(lists_.size(), 1U);
  EXPECT_TRUE(said_.empty());
}

TEST_F(Reconcile, SeesAFileOfTheSameSizeWrittenTwiceWithinASecond) {
  put("a", "old");
  ASSERT_TRUE(reconcile());
  const auto path = fs::path(root()) / "a";
  const auto written = fs::last_write_time(path);
  const auto second = std::chrono::floor<std::chrono::seconds>(written);
  put("a", "new");
  // The same second, another nanosecond.
  fs::last_write_time(path, written == second ? second + std::chrono::nanoseconds(1) : fs::file_time_type(second));
  const auto again = reconcile();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(text(there("a")), "new");
}

TEST_F(Reconcile, DeletesWhatIsGoneAndWhatWasExcludedInIt) {
  for (int i = 0; i < 40; ++i)
    put("keep/" + std::to_string(i), "x");
  put("old/a", "x");
  ASSERT_TRUE(reconcile());
  std::ofstream(there("old/a.pyc")) << "made on the standby";
  fs::create_directories(there("shared/logs"));
  std::ofstream(there("shared/logs/own.log")) << "the standby's own";
  put("shared/x", "x");
  fs::remove_all(fs::path(root()) / "old");
  fs::create_directories(fs::path(root()) / "shared/logs");
  const auto done = reconcile();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(fs::exists(there("old")));
  EXPECT_GE(done->deleted, 2U);
  EXPECT_TRUE(fs::exists(there("shared/logs/own.log")));
}

TEST_F(Reconcile, StopsWhenTooMuchWouldVanishUntilTheOperatorSaysSo) {
  for (int i = 0; i < 20; ++i)
    put("media/" + std::to_string(i), "x");
  ASSERT_TRUE(reconcile());
  for (int i = 0; i < 10; ++i)
    fs::remove(fs::path(root()) / "media" / std::to_string(i));
  const auto refused = reconcile();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("10 of 22 files"));
  EXPECT_TRUE(fs::exists(there("media/3")));
  const auto allowed = reconcile(true);
  ASSERT_TRUE(allowed) << allowed.error().message;
  EXPECT_EQ(allowed->deleted, 10U);
  EXPECT_FALSE(fs::exists(there("media/3")));
}

TEST_F(Reconcile, StopsForARootThatIsEmptyOrMissingHere) {
  pair_.files.deletion_guard = 1.0;
  put("a", "1");
  ASSERT_TRUE(reconcile());
  fs::remove(fs::path(root()) / "a");
  const auto empty = reconcile();
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, HasSubstr("it is empty here"));
  fs::remove(root());
  const auto missing = reconcile();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::refused);
  EXPECT_TRUE(fs::exists(there("a")));
}

TEST_F(Reconcile, TheFarSideRefusesOtherRootsAndMissingOnes) {
  EXPECT_EQ(accept_job(files_, pair_, {.root = "/etc"}).error().kind, ErrorKind::refused);
  EXPECT_EQ(accept_job(files_, pair_, {.root = root() + "/"}).error().kind, ErrorKind::refused);
  fs::remove(root());
  EXPECT_EQ(accept_job(files_, pair_, {.root = root()}).error().kind, ErrorKind::refused);
}

TEST_F(Reconcile, TellsOfARsyncThatFails) {
  put("a", "1");
  const FilesTools tools{files_, processes_, [](const RsyncJob&) -> Result<std::string> { return "/bin/false"; }};
  const auto done = replication::reconcile(tools, pair_, false, [](const std::string&) {});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("rsync ended with status"));
}

} // namespace tandem::replication
