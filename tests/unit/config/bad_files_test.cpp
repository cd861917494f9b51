// Every wrong file in bad/ has its messages beside it, word for word. TANDEM_ACCEPT=1 writes them again.
#include "support.hpp"

#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> bad_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(source("tests/unit/config/bad")))
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

// Files whose first line asks for it are read with every key allowed: what they show is not built yet.
Loaded load_file(const fs::path& path) {
  const auto text = read(path);
  const auto accepted = text.starts_with("# with every key") ? all_keys() : built_keys();
  return load({"/etc/tandem/" + path.filename().string(), text}, some_secrets, accepted);
}

class BadFile : public testing::TestWithParam<fs::path> {};

TEST_P(BadFile, IsRefusedWithTheseMessages) {
  const auto loaded = load_file(GetParam());
  EXPECT_FALSE(loaded.pair);
  EXPECT_FALSE(loaded.problems.empty());
  auto expected = GetParam();
  const auto actual = messages(loaded);
  EXPECT_EQ(golden(expected.replace_extension(".expected"), actual), actual);
}

TEST_P(BadFile, HasItsProblemsInOrderAndWithinTheFile) {
  const auto text = read(GetParam());
  const auto lines = static_cast<std::uint32_t>(std::ranges::count(text, '\n')) + 1;
  std::pair<std::uint32_t, std::uint32_t> last;
  for (const auto& problem : load_file(GetParam()).problems) {
    const std::pair position{problem.line, problem.column};
    EXPECT_LE(last, position);
    EXPECT_LE(problem.line, lines);
    last = position;
  }
}

std::string name_of(const testing::TestParamInfo<fs::path>& info) {
  return info.param.stem().string();
}

INSTANTIATE_TEST_SUITE_P(Config, BadFile, testing::ValuesIn(bad_files()), name_of);

TEST(BadFiles, AreSixtyOrMore) {
  EXPECT_GE(bad_files().size(), 60U);
}

TEST(BadFiles, HaveAllTheirMessagesAndNoOthers) {
  for (const auto& entry : fs::directory_iterator(source("tests/unit/config/bad"))) {
    auto partner = entry.path();
    partner.replace_extension(partner.extension() == ".toml" ? ".expected" : ".toml");
    EXPECT_TRUE(fs::exists(partner)) << partner;
  }
}

} // namespace
} // namespace tandem::config::test
