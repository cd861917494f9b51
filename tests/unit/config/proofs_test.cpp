// Every accepted key has a proof that it does something, and every proof is of an accepted key.
#include "base/text.hpp"
#include "config/keys.hpp"
#include "keys/key_proofs.hpp"
#include "support.hpp"

#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

using proofs::Change;

// What has to be proven: each built key that takes a value; of a choice, each built one.
std::set<std::string> provable() {
  std::set<std::string> wanted;
  const auto built = built_keys();
  for (const auto& key : keys()) {
    if (!key.built || key.shape != Shape::value) continue;
    if (key.type.choices.empty()) wanted.insert(key.path);
    for (const auto& choice : key.type.choices)
      if (const auto path = key.path + "=" + choice; built.contains(path)) wanted.insert(path);
  }
  return wanted;
}

std::string path_of(const proofs::Proof& proof) {
  return proof.key.substr(0, proof.key.find('='));
}

// With a single choice there is nothing to change to.
bool has_one_choice(const proofs::Proof& proof) {
  const auto begin = path_of(proof) + "=";
  return proof.key.contains('=') &&
         std::ranges::count_if(provable(), [&](const std::string& path) { return path.starts_with(begin); }) == 1;
}

bool is_a_lab_test(const std::string& name) {
  const auto parts = split(name, '.');
  if (parts.size() != 2) return false;
  for (const auto& entry : std::filesystem::directory_iterator(source("tests/lab")))
    if (const auto text = read(entry.path()); text.contains("(" + parts[0] + ", " + parts[1] + ")")) return true;
  return false;
}

proofs::Values with(const proofs::Proof& changed) {
  auto values = proofs::values_before();
  values[changed.key] = changed.after;
  return values;
}

Loaded loaded_with(const proofs::Values& values) {
  return load_text(proofs::toml_with(values, proofs::sample_facts()));
}

TEST(Proofs, EveryAcceptedKeyIsProvenOnRealServersAndNoOther) {
  std::set<std::string> proven;
  for (const auto& proof : proofs::key_proofs())
    EXPECT_TRUE(proven.insert(proof.key).second) << proof.key << " stands twice in tests/keys";
  for (const auto& path : provable())
    EXPECT_TRUE(proven.contains(path))
        << path << " is accepted, but nothing in tests/keys proves that it does anything: refuse it or prove it";
  for (const auto& path : proven)
    EXPECT_TRUE(provable().contains(path)) << path << " is no accepted key that takes a value";
}

TEST(Proofs, EachLooksForAnotherAnswerAfterTheChange) {
  for (const auto& proof : proofs::key_proofs()) {
    EXPECT_NE(proof.probes.empty(), proof.test.empty()) << proof.key << ": probes, or a test";
    EXPECT_TRUE(proof.test.empty() || is_a_lab_test(proof.test)) << proof.test;
    for (const auto& probe : proof.probes) {
      EXPECT_FALSE(probe.before.empty()) << proof.key;
      EXPECT_FALSE(probe.after.empty()) << proof.key;
      EXPECT_EQ(probe.before == probe.after, has_one_choice(proof)) << proof.key;
      EXPECT_FALSE(!has_one_choice(proof) && probe.before.contains(probe.after))
          << proof.key << ": the answer before the change would do after it as well";
    }
  }
}

TEST(Proofs, TheirFileCanBeLoadedBeforeAndAfter) {
  for (const auto& values : {proofs::values_before(), proofs::values_after(Change::work),
                             proofs::values_after(Change::servers), proofs::values_after(Change::refused)}) {
    const auto loaded = loaded_with(values);
    EXPECT_TRUE(loaded.pair) << messages(loaded);
  }
}

TEST(Proofs, EachChangesItsOwnKey) {
  const auto before = loaded_with(proofs::values_before());
  ASSERT_TRUE(before.pair) << messages(before);
  for (const auto& proof : proofs::key_proofs()) {
    if (has_one_choice(proof) || proof.before == proof.after) continue; // the choice that it has before
    const auto after = loaded_with(with(proof));
    ASSERT_TRUE(after.pair) << proof.key << "\n" << messages(after);
    EXPECT_NE(*before.pair, *after.pair) << proof.key << " is not in the file of tests/keys";
  }
}

} // namespace
} // namespace tandem::config::test
