// The rule of dependencies: a layer includes only what its CMakeLists.txt names, and the names make no circle.
#include "base/text.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace tandem {

namespace {

namespace fs = std::filesystem;
const fs::path sources = fs::path(TANDEM_SOURCE_DIR) / "src";

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::map<std::string, std::set<std::string>> declared() {
  std::map<std::string, std::set<std::string>> layers;
  for (const auto& entry : fs::directory_iterator(sources)) {
    if (!entry.is_directory()) continue;
    const auto text = read(entry.path() / "CMakeLists.txt");
    std::smatch found;
    auto& uses = layers[entry.path().filename()];
    if (!std::regex_search(text, found, std::regex(R"(USES\s+([a-z\s]+))"))) continue;
    std::istringstream words(found[1]);
    for (std::string word; words >> word;)
      uses.insert(word);
  }
  return layers;
}

std::vector<std::string> includes_of(const fs::path& file) {
  std::vector<std::string> found;
  const std::regex pattern(R"re(^#include "([a-z]+)/)re");
  for (const auto& line : lines_of(read(file))) {
    std::smatch match;
    if (std::regex_search(line, match, pattern)) found.push_back(match[1]);
  }
  return found;
}

} // namespace

TEST(Layers, IncludeOnlyWhatTheyDeclare) {
  const auto layers = declared();
  ASSERT_GE(layers.size(), 14U);
  for (const auto& [layer, uses] : layers)
    for (const auto& entry : fs::recursive_directory_iterator(sources / layer)) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
      for (const auto& included : includes_of(entry.path()))
        EXPECT_TRUE(included == layer || uses.contains(included))
            << entry.path() << " includes " << included << ", which src/" << layer << "/CMakeLists.txt does not name";
    }
}

TEST(Layers, MakeNoCircle) {
  auto left = declared();
  while (!left.empty()) {
    const auto before = left.size();
    std::erase_if(left, [&](const auto& layer) {
      return std::ranges::none_of(layer.second, [&](const auto& use) { return left.contains(use); });
    });
    ASSERT_LT(left.size(), before) << "the layers depend on each other in a circle";
  }
}

TEST(House, FilesStayReadable) {
  for (const auto* root : {"src", "lab", "bench", "tests"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(TANDEM_SOURCE_DIR) / root)) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
      EXPECT_LE(lines_of(read(entry.path())).size(), 450U) << entry.path() << " is more than one idea";
    }
}

TEST(House, DocumentsNamePathsThatExist) {
  const fs::path top = TANDEM_SOURCE_DIR;
  const std::regex pattern(R"re(`((?:src|lab|bench|tests|docs|examples|packaging|cmake|web)/[A-Za-z0-9_./{},-]*)`)re");
  std::vector<fs::path> documents{top / "README.md", top / "CONTRIBUTING.md"};
  for (const auto& entry : fs::recursive_directory_iterator(top / "docs"))
    if (entry.path().extension() == ".md") documents.push_back(entry.path());
  for (const auto& document : documents) {
    const auto text = read(document);
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
      const auto named = (*it)[1].str();
      if (named.find_first_of("{") != std::string::npos) continue;
      EXPECT_TRUE(fs::exists(top / named)) << document << " names " << named;
    }
  }
}

TEST(House, DocumentsNameVerbsOfDevThatExist) {
  const fs::path top = TANDEM_SOURCE_DIR;
  const auto script = read(top / "dev");
  const std::regex pattern(R"re(`\./dev ([a-z]+))re");
  for (const auto* document : {"README.md", "CONTRIBUTING.md"}) {
    const auto text = read(top / document);
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
      EXPECT_NE(script.find("\n  " + (*it)[1].str()), std::string::npos) << document << " names ./dev " << (*it)[1];
  }
}

// Proofs that documents name as `Suite.Name` are tests.
TEST(House, ProofsInDocumentsAreTestsThatExist) {
  const fs::path top = TANDEM_SOURCE_DIR;
  std::string tests;
  for (const auto& entry : fs::recursive_directory_iterator(top / "tests"))
    if (entry.path().extension() == ".cpp") tests += read(entry.path());
  const std::regex pattern(R"re(`([A-Za-z0-9]+)\.([A-Z][A-Za-z0-9]+)`)re");
  for (const auto* document : {"docs/reliability.md", "docs/coverage.md"}) {
    const auto text = read(top / document);
    int named = 0;
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it, ++named)
      EXPECT_TRUE(std::regex_search(tests, std::regex("\\(" + (*it)[1].str() + ",\\s*" + (*it)[2].str() + "\\)")))
          << document << ": " << (*it)[1] << "." << (*it)[2];
    EXPECT_GT(named, 10) << document;
  }
}

// Everything that we tell people to type is there: in the documents, and in hints and messages. What is not built yet
// stands in the list, and leaves it once it is.
TEST(House, NamesOnlyCommandsThatExist) {
  const fs::path top = TANDEM_SOURCE_DIR;
  const std::set<std::string> later{};
  std::set<std::string> commands;
  std::vector<fs::path> texts{top / "README.md", top / "CONTRIBUTING.md"};
  const std::regex declared(R"re((?:add_subcommand\(|add_listing\(app, line,)\s*"([a-z]+)")re");
  for (const auto& entry : fs::recursive_directory_iterator(top / "docs"))
    if (entry.path().extension() == ".md" && entry.path().parent_path().filename() != "decisions")
      texts.push_back(entry.path());
  for (const auto& entry : fs::recursive_directory_iterator(top / "src")) {
    if (entry.path().extension() != ".cpp") continue;
    texts.push_back(entry.path());
    const auto text = read(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), declared), end; it != end; ++it)
      commands.insert((*it)[1]);
  }
  ASSERT_TRUE(commands.contains("switchover"));
  // In back quotes, as a line of a code block, as a whole string, or in quotes within one.
  const std::regex named(R"re((?:`tandem|\n    tandem|\\"tandem|"tandem(?= [a-z]+\\?")) ([a-z]+))re");
  for (const auto& document : texts) {
    const auto text = read(document);
    for (std::sregex_iterator it(text.begin(), text.end(), named), end; it != end; ++it)
      EXPECT_TRUE(commands.contains((*it)[1]) || later.contains((*it)[1])) << document << " names tandem " << (*it)[1];
  }
}

} // namespace tandem
