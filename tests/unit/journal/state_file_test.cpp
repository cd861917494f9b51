#include "journal/state_file.hpp"
#include "simulation/memory_files.hpp"

#include <gtest/gtest.h>

namespace tandem::journal {
namespace {

const std::string state_path = "/var/lib/tandem/role.json";

TEST(StateFile, LoadsWhatWasStored) {
  testing::MemoryFiles files;
  const StateFile file(files, state_path, "role", 3);
  ASSERT_TRUE(file.store(R"({"epoch":4})"));
  const auto loaded = file.load();
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->version, 3);
  EXPECT_EQ((*loaded)->content, R"({"epoch":4})");
}

TEST(StateFile, ThatIsNotThereIsNothingAndNoError) {
  testing::MemoryFiles files;
  const auto loaded = StateFile(files, state_path, "role", 1).load();
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(*loaded);
}

TEST(StateFile, OfAnOlderVersionIsLoadedWithItsVersion) {
  testing::MemoryFiles files;
  ASSERT_TRUE(StateFile(files, state_path, "role", 1).store("{}"));
  const auto loaded = StateFile(files, state_path, "role", 2).load();
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->version, 1);
}

TEST(StateFile, OfANewerVersionIsRefusedWithBothVersionsAndWhatToDo) {
  testing::MemoryFiles files;
  ASSERT_TRUE(StateFile(files, state_path, "role", 2).store("{}"));
  const auto loaded = StateFile(files, state_path, "role", 1).load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, ErrorKind::invalid);
  EXPECT_EQ(loaded.error().message,
            "reading /var/lib/tandem/role.json: its version is 2, and this tandem knows versions up to 1");
  EXPECT_NE(loaded.error().hint.find("newer tandem"), std::string::npos);
}

TEST(StateFile, CutAtEveryByteIsAnErrorOrTheWholeContent) {
  const auto whole = wrap("role", 1, R"({"epoch":4,"primary":"uno"})");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto value = unwrap("role", 1, whole.substr(0, length));
    if (length + 1 < whole.size()) {
      EXPECT_FALSE(value) << length;
    } else {
      EXPECT_TRUE(value) << "only the last line end is missing";
    }
  }
}

TEST(StateFile, OfAnotherKindIsRefused) {
  const auto value = unwrap("role", 1, wrap("files", 1, "{}"));
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "it holds \"files\" where \"role\" is expected");
}

TEST(StateFile, KeepsTheOldContentWhenAWriteFails) {
  testing::MemoryFiles files;
  const StateFile file(files, state_path, "role", 1);
  ASSERT_TRUE(file.store(R"({"epoch":1})"));
  files.break_write = true;
  EXPECT_FALSE(file.store(R"({"epoch":2})"));
  EXPECT_EQ((*file.load())->content, R"({"epoch":1})");
}

TEST(StateFile, RefusesContentThatIsNotJson) {
  testing::MemoryFiles files;
  EXPECT_FALSE(StateFile(files, state_path, "role", 1).store("epoch 4"));
  EXPECT_TRUE(files.contents.empty());
}

} // namespace
} // namespace tandem::journal
