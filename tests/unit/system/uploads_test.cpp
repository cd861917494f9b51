// Files that somebody else writes: who has them open, and moving them over a border of file systems.
#include "system/descriptor.hpp"
#include "system/files.hpp"
#include "system/uploads.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace tandem::system {

class LinuxUploadsTest : public testing::Test {
protected:
  LinuxUploadsTest() : folder_(made("/tmp")), elsewhere_(made("/dev/shm")) {}

  ~LinuxUploadsTest() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::remove_all(elsewhere_);
  }

  static std::string made(const std::string& parent) {
    std::string pattern = parent + "/tandem-uploads-XXXXXX";
    return ::mkdtemp(pattern.data());
  }

  void write(const std::string& path, const std::string& content) {
    ASSERT_TRUE(files_.write(path, content, 0640, {::getuid(), ::getgid()}));
  }

  const std::string folder_;
  const std::string elsewhere_; // another file system
  LinuxFiles files_;
  LinuxUploads uploads_;
};

TEST_F(LinuxUploadsTest, WhoHasItOpenForWritingIsSeenAndReadersAreNot) {
  const auto path = folder_ + "/stock.txt";
  write(path, "1\n");
  {
    const Descriptor writer(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    EXPECT_TRUE(uploads_.is_being_written(path).value());
  }
  const Descriptor reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(uploads_.is_being_written(path).value());
  const Descriptor later(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK));
  EXPECT_TRUE(later) << "nobody is kept from writing by having been asked about";
}

TEST_F(LinuxUploadsTest, LinksAndPipesAreNoUploads) {
  ASSERT_TRUE(files_.make_link(folder_ + "/link", "/etc/passwd"));
  ASSERT_EQ(::mkfifo((folder_ + "/pipe").c_str(), 0600), 0);
  for (const auto* name : {"/link", "/pipe", "/none", ""}) {
    EXPECT_FALSE(uploads_.is_being_written(folder_ + name)) << name;
    EXPECT_FALSE(uploads_.read_part(folder_ + name, 0, 10)) << name;
  }
}

TEST_F(LinuxUploadsTest, MovesWithinAFileSystemAndBetweenTwo) {
  for (const auto& from : {folder_, elsewhere_}) {
    const std::string content(300000, 'x');
    write(from + "/stock.txt", content);
    std::filesystem::create_directory(folder_ + "/spool");
    ASSERT_TRUE(uploads_.move(from + "/stock.txt", from + "/.aside", folder_ + "/spool/stock.txt"));
    EXPECT_EQ(files_.read(folder_ + "/spool/stock.txt").value(), content);
    EXPECT_EQ(files_.list(folder_ + "/spool").value(), std::vector<std::string>{"stock.txt"});
    EXPECT_TRUE(files_.list(from).value().empty() || from == folder_);
    std::filesystem::remove_all(folder_ + "/spool");
  }
}

// A second upload of the name, sent meanwhile, is another one.
TEST_F(LinuxUploadsTest, OneThatIsWrittenToIsNotCopiedAndWaitsAside) {
  const auto path = elsewhere_ + "/stock.txt";
  const auto aside = elsewhere_ + "/.aside";
  write(path, "half");
  {
    const Descriptor writer(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_APPEND));
    const auto moved = uploads_.move(path, aside, folder_ + "/stock.txt");
    ASSERT_FALSE(moved);
    EXPECT_EQ(moved.error().kind, ErrorKind::unavailable);
    EXPECT_TRUE(files_.list(folder_).value().empty());
    ASSERT_EQ(::write(writer.get(), " more", 5), 5);
  }
  write(path, "the second");
  ASSERT_TRUE(uploads_.move(aside, aside, folder_ + "/stock.txt"));
  EXPECT_EQ(files_.read(folder_ + "/stock.txt").value(), "half more");
  EXPECT_EQ(files_.list(elsewhere_).value(), std::vector<std::string>{"stock.txt"});
}

// The kernel tells whoever holds a lease by a signal, which would be the agent's end.
TEST_F(LinuxUploadsTest, OpeningItWhileItIsAskedAboutEndsNobody) {
  const auto path = folder_ + "/stock.txt";
  write(path, "1\n");
  std::atomic<bool> enough = false;
  std::jthread opener([&] {
    while (!enough)
      const Descriptor writer(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK));
  });
  for (int n = 0; n < 20000; ++n)
    ASSERT_TRUE(uploads_.is_being_written(path));
  enough = true;
}

TEST_F(LinuxUploadsTest, PartsAreReadFromWhereTheyAreAskedFor) {
  const auto path = folder_ + "/stock.txt";
  write(path, "0123456789");
  EXPECT_EQ(uploads_.read_part(path, 0, 4).value(), "0123");
  EXPECT_EQ(uploads_.read_part(path, 8, 4).value(), "89");
  EXPECT_EQ(uploads_.read_part(path, 10, 4).value(), "");
}

} // namespace tandem::system
