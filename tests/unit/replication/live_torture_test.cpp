// Random changes in a hurry, after which both trees are equal in everything.
#include "live_world.hpp"
#include "trees/torture.hpp"

namespace tandem::replication::live {

using trees::Torture;

class LiveTorture : public Live, public ::testing::WithParamInterface<unsigned> {
protected:
  void torture(bool each_folder);
};

void LiveTorture::torture(bool each_folder) {
  // By a name that has gone before it was looked at nobody finds the file's other ones.
  Torture torture(base + "/primary", GetParam(), !each_folder);
  // More waits than there is room for, again and again.
  if (GetParam() % 2 == 0) bounds = {.most_waiting = 30, .most_listed = 100};
  bounds.each_folder = each_folder;
  start();
  attach();
  for (int round = 0; round < 10; ++round) {
    for (int change = 0; change < 300; ++change)
      torture.one();
    auto all = differs();
    // Both are to be equal after a flush, and 130 seeds were; what comes a moment later is no lost file, though.
    for (const auto limit = std::chrono::steady_clock::now() + 120s;
         !all.empty() && std::chrono::steady_clock::now() < limit;)
      all = differs();
    ASSERT_TRUE(all.empty()) << "seed " << GetParam() << ", round " << round << ": " << all;
  }
}

TEST_P(LiveTorture, EndsInEqualTrees) {
  torture(false);
}

TEST_P(LiveTorture, EndsInEqualTreesWhereEachFolderIsWatchedByItself) {
  torture(true);
}

INSTANTIATE_TEST_SUITE_P(Seeds, LiveTorture, ::testing::Range(1U, 1 + trees::seeds(10)));

} // namespace tandem::replication::live
