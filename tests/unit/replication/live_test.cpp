// The file stream with the kernel's real word and real folders: both ends in one process, over a socket pair.
#include "replication/files/live.hpp"
#include "system/tree.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <random>

namespace tandem::replication {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using system::FileType;

// A line for each name below the folder, with all that must be equal.
std::map<std::string, std::string> picture(const std::string& root) {
  std::map<std::string, std::string> lines;
  const auto tree = system::Tree::open(root);
  const std::function<void(const std::string&)> walk = [&](const std::string& path) {
    const auto node = *tree->look(path);
    std::string text = fmt::format("{} {:o} {}:{} {} {} -> {}", static_cast<int>(node.type), node.mode, node.uid,
                                   node.gid, node.size, node.modified_ns, node.target);
    for (const auto& [name, value] : node.attributes)
      text += fmt::format(" {}={}", name, value);
    if (node.type == FileType::regular) {
      std::ifstream file(root + "/" + path, std::ios::binary);
      const std::string content(std::istreambuf_iterator<char>(file), {});
      text += fmt::format(" #{}", std::hash<std::string>()(content));
    }
    lines[path] = text;
    if (node.type != FileType::folder) return;
    const auto names = *tree->list(path);
    for (const auto& name : names)
      if (!name.ends_with(".left")) // what is left out may be on one side alone
        walk(path.empty() ? name : path + "/" + name);
  };
  walk("");
  return lines;
}

// The names at which two pictures differ, with both lines of the first few.
std::string difference(const std::map<std::string, std::string>& one, const std::map<std::string, std::string>& other) {
  std::string text;
  int count = 0;
  for (const auto& [path, line] : one)
    if (const auto there = other.find(path); (there == other.end() || there->second != line) && ++count <= 3)
      text += fmt::format("{}\n  {}\n  {}\n", path, line, there == other.end() ? "none" : there->second);
  for (const auto& [path, line] : other)
    if (!one.contains(path) && ++count <= 3) text += fmt::format("{}\n  none\n  {}\n", path, line);
  return count == 0 ? "" : fmt::format("{} differ\n{}", count, text);
}

class Live : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0U) << "the kernel tells root alone what changes on a whole file system";
    std::string pattern = "/var/tmp/tandem-live-XXXXXX";
    base = ::mkdtemp(pattern.data());
    for (const auto* name : {"/primary", "/standby"})
      for (const auto* root : {"/one", "/two"})
        fs::create_directories(base + name + root);
  }

  void TearDown() override {
    stop();
    fs::remove_all(base);
  }

  [[nodiscard]] std::vector<LiveRoot> roots(const std::string& side) const {
    const Patterns left_out({"*.left", "cache/*"});
    return {{.path = base + side + "/one", .patterns = left_out}, {.path = base + side + "/two", .patterns = left_out}};
  }

  void start() {
    stream = std::make_unique<LiveStream>(roots("/primary"), clock);
    while (!stream->state().watching && !stream->state().ended)
      std::this_thread::yield();
    ASSERT_EQ(stream->state().problem, "");
  }

  // The folders themselves are equal before, as rsync makes them.
  void attach(double deletion_guard = 1) {
    for (const auto* root : {"one", "two"})
      fs::last_write_time(there(root), fs::last_write_time(at(root)));
    auto link = system::make_link();
    ASSERT_TRUE(link);
    receiver =
        std::thread([socket = std::move(link->first), roots = roots("/standby"), deletion_guard, this]() mutable {
          ended = receive_files(roots, deletion_guard, socket.get(), socket.get());
        });
    stream->attach(std::move(link->second));
    while (!stream->state().live && !stream->state().ended)
      std::this_thread::yield();
  }

  void stop() {
    stream.reset();
    if (receiver.joinable()) receiver.join();
  }

  std::string differs() {
    const auto flushed = stream->flush(60s);
    if (!flushed) return flushed.error().message + ": " + stream->state().problem;
    return difference(picture(base + "/primary/one"), picture(base + "/standby/one")) +
           difference(picture(base + "/primary/two"), picture(base + "/standby/two"));
  }

  [[nodiscard]] std::string at(const std::string& path) const { return base + "/primary/" + path; }

  [[nodiscard]] std::string there(const std::string& path) const { return base + "/standby/" + path; }

  static void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string base;
  system::LinuxClock clock;
  std::unique_ptr<LiveStream> stream;
  std::thread receiver;
  Result<void> ended;
};

} // namespace

TEST_F(Live, WhatChangesIsThereOnceItIsFlushed) {
  start();
  attach();
  fs::create_directories(at("one/a/b"));
  write(at("one/a/b/file"), "text");
  fs::create_symlink("../nowhere", at("one/a/link"));
  write(at("one/skipped.left"), "no");
  EXPECT_EQ(read(there("one/skipped.left")), "");
  ASSERT_TRUE(stream->flush(30s)) << stream->state().problem;
  EXPECT_EQ(read(there("one/a/b/file")), "text");
  EXPECT_EQ(fs::read_symlink(there("one/a/link")), "../nowhere");
  EXPECT_FALSE(fs::exists(there("one/skipped.left")));
  fs::remove(at("one/skipped.left"));

  fs::rename(at("one/a"), at("two/moved"));
  fs::permissions(at("two/moved/b/file"), fs::perms::owner_read);
  ::setxattr(at("two/moved/b/file").c_str(), "user.colour", "red", 3, 0);
  EXPECT_EQ(differs(), "");
  EXPECT_FALSE(fs::exists(there("one/a")));
  fs::remove_all(at("two/moved"));
  EXPECT_EQ(differs(), "");
}

TEST_F(Live, WhatChangedBeforeTheReceiverWasThereIsSentToIt) {
  start();
  write(at("one/early"), "early");
  attach();
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(read(there("one/early")), "early");
}

TEST_F(Live, ALargeFileComesWholeAndSmallOnesPassIt) {
  start();
  attach();
  std::string large(20'000'000, 'x');
  for (std::size_t place = 0; place < large.size(); place += 4099)
    large[place] = static_cast<char>(place);
  write(at("one/large"), large);
  write(at("one/small"), "small");
  EXPECT_EQ(differs(), "");
  EXPECT_EQ(read(there("one/large")), large);
  fs::resize_file(at("one/large"), 1000);
  {
    std::ofstream(at("one/large"), std::ios::app) << "end";
  }
  EXPECT_EQ(differs(), "");
}

TEST_F(Live, AFileThatIsStillWrittenKeepsNoOtherAndIsThereOnceItIsClosed) {
  start();
  attach();
  std::ofstream file(at("one/growing"));
  file << "half" << std::flush;
  write(at("one/other"), "other");
  ASSERT_TRUE(stream->flush(30s));
  EXPECT_EQ(read(there("one/other")), "other");
  file << " and whole";
  file.close();
  EXPECT_EQ(differs(), "");
}

TEST_F(Live, APausedStreamSendsNothingAndThenAll) {
  start();
  attach();
  stream->pause(30s);
  write(at("one/later"), "later");
  const auto early = stream->flush(300ms);
  EXPECT_FALSE(early);
  EXPECT_FALSE(fs::exists(there("one/later")));
  stream->resume();
  EXPECT_EQ(differs(), "");
}

TEST_F(Live, MoreRemovalsThanTheGuardAllowsEndIt) {
  start();
  attach(0.5);
  const auto file = [&](int number) { return fmt::format("one/files/{}", number); };
  fs::create_directories(at("one/files"));
  for (int number = 0; number < 500; ++number)
    write(at(file(number)), "x");
  EXPECT_EQ(differs(), "");
  for (int number = 0; number < 200; ++number)
    fs::remove(at(file(number)));
  EXPECT_EQ(differs(), "");
  fs::rename(at("one/files"), base + "/elsewhere");
  EXPECT_FALSE(stream->flush(30s));
  EXPECT_TRUE(stream->state().ended);
  EXPECT_THAT(stream->state().problem, ::testing::HasSubstr("deletion_guard"));
  EXPECT_EQ(std::distance(fs::directory_iterator(there("one/files")), {}), 300);
}

TEST_F(Live, ManyLargeFilesComeAFewAtATime) {
  start();
  attach();
  fs::create_directories(at("one/photos"));
  for (int number = 0; number < 260; ++number)
    write(at(fmt::format("one/photos/{}", number)), std::string(263'000, static_cast<char>('a' + number % 26)));
  EXPECT_EQ(differs(), "");
}

TEST_F(Live, ARootThatIsAnotherFolderByNowEndsIt) {
  start();
  attach();
  write(at("one/kept"), "kept");
  EXPECT_EQ(differs(), "");
  fs::rename(at("one"), at("before"));
  fs::create_directories(at("one"));
  write(at("one/other"), "other");
  EXPECT_FALSE(stream->flush(30s));
  EXPECT_TRUE(stream->state().ended);
  EXPECT_EQ(read(there("one/kept")), "kept");
}

TEST_F(Live, PathsThatLeadOutAreRefused) {
  auto tree = system::Tree::open(at("one"));
  ASSERT_TRUE(tree);
  fs::create_directories(at("one/folder"));
  for (const std::string path :
       {"..", "folder/..", "../two", "folder/../../two", "/etc", "folder//x", ".", "folder/."}) {
    EXPECT_FALSE(tree->look(path)) << path;
    EXPECT_FALSE(tree->remove(path)) << path;
    EXPECT_FALSE(tree->make_folder(path, {.exists = true, .type = FileType::folder, .mode = 0755})) << path;
    EXPECT_FALSE(tree->rename("folder", *tree, path)) << path;
  }
  EXPECT_TRUE(fs::exists(at("one/folder")));
  EXPECT_TRUE(fs::exists(at("two")));
}

TEST_F(Live, ALinkOnTheStandbyLeadsNobodyElsewhere) {
  fs::create_directories(at("one/folder"));
  fs::create_directories(base + "/elsewhere");
  fs::create_symlink(base + "/elsewhere", there("one/folder"));
  start();
  attach();
  write(at("one/folder/file"), "text");
  EXPECT_EQ(differs(), "");
  EXPECT_TRUE(fs::is_empty(base + "/elsewhere"));
}

namespace {

// Random changes of a small world of names, so that they meet each other.
class Torture {
public:
  Torture(std::string root, unsigned seed) : root_(std::move(root)), random_(seed) {}

  void one() {
    std::error_code ignored;
    const auto path = any();
    switch (pick(15)) {
    case 0:
    case 1:
      fs::create_directories(path, ignored);
      break;
    case 2:
      fs::remove_all(path, ignored);
      break;
    case 3:
    case 4:
      fs::rename(path, any(), ignored);
      break;
    case 5:
      if (!fs::exists(fs::symlink_status(path, ignored))) fs::create_symlink("../" + name(), path, ignored);
      break;
    case 6:
      fs::permissions(path, static_cast<fs::perms>(0400U + pick(0377)), fs::perm_options::nofollow, ignored);
      break;
    case 7:
      own(path);
      break;
    case 8:
      ::lsetxattr(path.c_str(), "user.a", "value", pick(6), 0);
      break;
    case 9:
      fs::resize_file(path, pick(100'000), ignored);
      break;
    case 10:
      append(path);
      break;
    case 11:
      large(path);
      break;
    default:
      std::ofstream(path) << std::string(pick(2000), static_cast<char>('a' + pick(26)));
    }
  }

  unsigned pick(unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random_); }

private:
  void own(const std::string& path) { [[maybe_unused]] const auto owned = ::lchown(path.c_str(), pick(3), pick(3)); }

  void append(const std::string& path) { std::ofstream(path, std::ios::app) << std::string(pick(1000), 'a'); }

  void large(const std::string& path) {
    if (pick(4) == 0) std::ofstream(path) << std::string(300'000 + pick(300'000), static_cast<char>('a' + pick(26)));
  }

  std::string name() {
    static const std::vector<std::string> names{"a", "b", "c", "d\n", "e e", "\xff\xfe", "g.left", "*"};
    return names[pick(static_cast<unsigned>(names.size()))];
  }

  std::string any() {
    auto path = root_ + (pick(2) == 0 ? "/one" : "/two");
    for (auto depth = 1 + pick(3); depth > 0; --depth)
      path += "/" + name();
    return path;
  }

  std::string root_;
  std::mt19937 random_;
};

} // namespace

class LiveTorture : public Live, public ::testing::WithParamInterface<unsigned> {};

TEST_P(LiveTorture, EndsInEqualTrees) {
  Torture torture(base + "/primary", GetParam());
  start();
  attach();
  for (int round = 0; round < 10; ++round) {
    for (int change = 0; change < 300; ++change)
      torture.one();
    auto all = differs();
    // What was cut off by its name, without a close, comes once it has rested.
    for (const auto limit = std::chrono::steady_clock::now() + 120s;
         !all.empty() && std::chrono::steady_clock::now() < limit;)
      all = differs();
    ASSERT_TRUE(all.empty()) << "seed " << GetParam() << ", round " << round << ": " << all;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LiveTorture, ::testing::Range(1U, 11U));

} // namespace tandem::replication
