#include "system/files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace tandem::system {

class LinuxFilesTest : public testing::Test {
protected:
  LinuxFilesTest() {
    std::string pattern = "/tmp/tandem-files-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }

  ~LinuxFilesTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string at(const std::string& name) const { return folder_ + "/" + name; }

  Ownership own_{::getuid(), ::getgid()};
  std::string folder_;
  LinuxFiles files_;
};

TEST_F(LinuxFilesTest, WriteReplacesContentModeAndLeavesNothingElse) {
  ASSERT_TRUE(files_.write(at("a"), "one", 0640, own_));
  ASSERT_TRUE(files_.write(at("a"), "two", 0600, own_));
  EXPECT_EQ(files_.read(at("a")).value(), "two");
  EXPECT_EQ((*files_.status(at("a")))->mode, 0600U);
  EXPECT_EQ(files_.list(folder_).value(), (std::vector<std::string>{"a"}));
}

TEST_F(LinuxFilesTest, NothingIsReadFromPipesDevicesAndFolders) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  ASSERT_TRUE(files_.make_link(at("zeros"), "/dev/zero"));
  for (const auto& path : {at("pipe"), at("zeros"), folder_}) {
    const auto text = files_.read(path);
    ASSERT_FALSE(text) << path;
    EXPECT_NE(text.error().message.find("no file with a content"), std::string::npos) << text.error().message;
  }
}

TEST_F(LinuxFilesTest, WriteReplacesALinkAndNotItsTarget) {
  ASSERT_TRUE(files_.write(at("target"), "safe", 0644, own_));
  ASSERT_TRUE(files_.make_link(at("link"), "target"));
  ASSERT_TRUE(files_.write(at("link"), "new", 0644, own_));
  EXPECT_EQ(files_.read(at("target")).value(), "safe");
  EXPECT_EQ((*files_.status(at("link")))->type, FileType::regular);
}

TEST_F(LinuxFilesTest, SetModeRefusesALink) {
  ASSERT_TRUE(files_.write(at("target"), "safe", 0600, own_));
  ASSERT_TRUE(files_.make_link(at("link"), "target"));
  EXPECT_FALSE(files_.set_mode(at("link"), 0666));
  EXPECT_EQ((*files_.status(at("target")))->mode, 0600U);
}

TEST_F(LinuxFilesTest, RemoveTreeDoesNotFollowLinks) {
  ASSERT_TRUE(files_.make_folder(at("kept"), 0755, own_));
  ASSERT_TRUE(files_.write(at("kept/file"), "x", 0644, own_));
  ASSERT_TRUE(files_.make_folder(at("gone"), 0755, own_));
  ASSERT_TRUE(files_.make_folder(at("gone/deep"), 0755, own_));
  ASSERT_TRUE(files_.make_link(at("gone/deep/link"), folder_ + "/kept"));
  ASSERT_TRUE(files_.remove_tree(at("gone")));
  EXPECT_FALSE(files_.status(at("gone"))->has_value());
  EXPECT_EQ(files_.read(at("kept/file")).value(), "x");
}

TEST_F(LinuxFilesTest, SettlingPassesOverWhatIsNoFileOfADisk) {
  ASSERT_TRUE(files_.write(at("file"), "one", 0600, own_));
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("nowhere", at("link").c_str()), 0);
  const auto settled =
      files_.settle({folder_, at("file"), at("pipe"), at("link"), at("gone"), at("file") + "/below", "/dev/null"});
  EXPECT_TRUE(settled) << settled.error().message;
}

TEST_F(LinuxFilesTest, WhatIsGoneIsRemovedAlready) {
  EXPECT_TRUE(files_.remove(at("nothing")));
  EXPECT_TRUE(files_.remove_tree(at("nothing")));
  EXPECT_FALSE(files_.status(at("nothing/below"))->has_value());
}

TEST_F(LinuxFilesTest, AppendGathers) {
  ASSERT_TRUE(files_.append(at("log"), "a"));
  ASSERT_TRUE(files_.append(at("log"), "b"));
  EXPECT_EQ(files_.read(at("log")).value(), "ab");
}

TEST_F(LinuxFilesTest, ErrorsNameThePathAndTheReason) {
  const auto error = files_.read(at("nothing")).error();
  EXPECT_EQ(error.kind, ErrorKind::not_found);
  EXPECT_EQ(error.message, "opening " + at("nothing") + ": No such file or directory");
}

} // namespace tandem::system
