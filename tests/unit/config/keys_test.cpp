#include "config/keys.hpp"
#include "config/reference.hpp"
#include "support.hpp"

#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

// Every path that a file gives, without positions: "site.database.name".
void paths_in(const Node& table, const std::string& parent, std::set<std::string>& paths) {
  for (const auto& member : *table.as<Node::Table>()) {
    const auto path = parent.empty() ? member.key : parent + "." + member.key;
    const auto* key = find_key(path);
    if (key == nullptr) continue; // a name of the operator's own, in settings
    paths.insert(path);
    if (key->shape == Shape::table) paths_in(member.node, path, paths);
    if (key->shape == Shape::tables)
      for (const auto& element : *member.node.as<Node::List>())
        paths_in(element, path, paths);
  }
}

std::set<std::string> paths_of_file(std::string_view name) {
  const auto top = parse(read(source(name)));
  std::set<std::string> paths;
  if (top) paths_in(*top, "", paths);
  return paths;
}

TEST(Keys, EveryPathStandsOnceAndBelowItsTable) {
  std::set<std::string> seen = {""};
  for (const auto& key : keys()) {
    EXPECT_TRUE(seen.insert(key.path).second) << key.path;
    EXPECT_TRUE(seen.contains(key.parent())) << key.path << " stands before its table";
  }
}

TEST(Keys, EveryKeyIsDescribed) {
  for (const auto& key : keys()) {
    EXPECT_FALSE(key.says.empty()) << key.path;
    EXPECT_TRUE(key.put) << key.path;
    if (key.shape != Shape::value) continue;
    EXPECT_FALSE(key.type.name.empty()) << key.path;
    EXPECT_FALSE(key.type.expected.empty()) << key.path;
    EXPECT_TRUE(key.type.read) << key.path;
    EXPECT_TRUE(key.show) << key.path;
  }
}

TEST(Keys, TheExampleGivesEveryKeyOfTheTable) {
  const auto given = paths_of_file("examples/tandem.toml");
  for (const auto& key : keys())
    EXPECT_TRUE(given.contains(key.path)) << key.path << " is not in examples/tandem.toml";
}

TEST(Keys, TheGoodFileGivesEveryKeyThatIsBuiltAndNoOther) {
  std::set<std::string> built;
  for (const auto& key : keys())
    if (key.built) built.insert(key.path);
  EXPECT_EQ(paths_of_file("tests/unit/config/good/built.toml"), built);
}

TEST(Keys, ATableThatIsNotBuiltHasNoBuiltKeys) {
  for (const auto& key : keys()) {
    const auto* parent = find_key(key.parent());
    EXPECT_FALSE(key.built && parent != nullptr && !parent->built) << key.path;
  }
}

TEST(Keys, BuiltKeysNameTheirBuiltChoices) {
  const auto built = built_keys();
  EXPECT_TRUE(built.contains("role.authority=operator"));
  EXPECT_TRUE(built.contains("role.standby=warm"));
  EXPECT_FALSE(built.contains("role.authority=etcd"));
  EXPECT_TRUE(built.contains("role.standby=cold"));
  EXPECT_FALSE(built.contains("database.synchronous"));
  EXPECT_TRUE(all_keys().contains("role.authority=etcd"));
  EXPECT_TRUE(std::ranges::includes(all_keys(), built));
}

TEST(Reference, TheDocumentedKeysAreTheTable) {
  EXPECT_EQ(golden(source("docs/configuration.md"), reference()), reference())
      << "TANDEM_ACCEPT=1 writes docs/configuration.md again";
}

TEST(Reference, EveryKeyIsInIt) {
  const auto text = reference();
  for (const auto& key : keys())
    EXPECT_TRUE(text.contains(key.shape == Shape::value ? fmt::format("| `{}` |", key.name()) : heading(key.path)))
        << key.path;
}

} // namespace
} // namespace tandem::config::test
