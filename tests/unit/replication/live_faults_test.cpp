// Every system call of both ends may fail at any moment, and what was believed to be right is so in the end.
#include "faults.hpp"
#include "live_world.hpp"
#include "trees/torture.hpp"

namespace tandem::replication::live {

class LiveFaults : public Live, public ::testing::WithParamInterface<unsigned> {
protected:
  [[nodiscard]] bool runs() const { return stream && stream->state().live && !stream->state().ended; }

  // As an agent does it: a stream that has ended is begun anew, and what differs is found by its messages.
  void keep_running() {
    while (!runs()) {
      stop();
      stream = std::make_unique<LiveStream>(roots("/primary"), clock, bounds);
      while (!stream->state().watching && !stream->state().ended)
        std::this_thread::yield();
      if (stream->state().watching) attach({.equal = false});
    }
  }

  void change(trees::Torture& torture, int changes) {
    for (int change = 0; change < changes; ++change) {
      torture.one();
      if (change % 20 == 0) keep_running();
    }
  }

  std::string differs_at_last() {
    std::string all = "nothing was compared";
    for (const auto limit = std::chrono::steady_clock::now() + 120s;
         !all.empty() && std::chrono::steady_clock::now() < limit;) {
      keep_running();
      all = differs();
    }
    return all;
  }
};

TEST_P(LiveFaults, EndInEqualTrees) {
  bounds.large_again = 1s;
  trees::Torture torture(base + "/primary", GetParam());
  std::uint64_t failed = 0;
  for (int round = 0; round < 4; ++round) {
    std::string told;
    {
      const faults::Faults faults(GetParam() * 100 + static_cast<unsigned>(round), round % 2 == 0 ? 50 : 300);
      change(torture, 150);
      keep_running();
      [[maybe_unused]] const auto flushed = stream->flush(2s);
      change(torture, 150);
      keep_running();
      [[maybe_unused]] const auto again = stream->flush(2s);
      told = faults::Faults::told();
      failed += faults::Faults::count();
    }
    const auto all = differs_at_last();
    ASSERT_TRUE(all.empty()) << "seed " << GetParam() << ", round " << round << ": " << all << "\nfailed: " << told;
  }
  EXPECT_GT(failed, 50U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, LiveFaults, ::testing::Range(1U, 1 + trees::seeds(5)));

} // namespace tandem::replication::live
