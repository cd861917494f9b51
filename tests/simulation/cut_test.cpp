// A switchover between two servers, interrupted at every point that there is: before, within and after each durable
// operation and before and after each deed, on each server, by power cut and by a kill of the agent. Each time both
// come back, no person does anything, and exactly one primary serves that the other follows.
#include "base/text.hpp"
#include "simulation/world.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tandem::testing {
namespace {

enum class Victim { old_primary, new_primary };
enum class Cut { power, agent };

struct Course {
  bool cut = false;      // the point was reached
  bool switched = false; // duo serves at the end
  std::string wrong;
  std::vector<std::string> history;
  Time longest_hold{0};
};

Course interrupted_at(std::uint64_t point, Victim victim, Cut cut, Time away) {
  Course course;
  World world({.seed = 5, .servers = 2, .record = true});
  auto& node = world.node(victim == Victim::old_primary ? "uno" : "duo");
  try {
    world.run(Time(2500));
    if (!world.unsettled().empty()) throw Violated{"the pair did not come up: " + world.unsettled()};
    node.kill_only_agent = cut == Cut::agent;
    node.disk.power.cut_after(point);
    if (const auto told = world.node("uno").begin_switchover("duo", 20); !told.empty()) throw Violated{told};
    for (int i = 0; i < 200 && node.up(); ++i)
      world.run(Time(50));
    course.cut = !node.up();
    node.disk.power.never();
    if (course.cut) {
      world.run(away);
      node.boot();
    }
    world.settle(Time(60'000));
    world.check_writes_kept();
  } catch (const Violated& violated) {
    course.wrong = violated.what;
  }
  course.switched = world.serving() == "duo";
  course.history = world.shared.history;
  course.longest_hold = world.shared.longest_hold;
  return course;
}

void cut_everywhere(Victim victim, Cut cut, Time away) {
  int switched = 0;
  int stayed = 0;
  for (std::uint64_t point = 0;; ++point) {
    const auto course = interrupted_at(point, victim, cut, away);
    ASSERT_TRUE(course.wrong.empty()) << "point " << point << ": " << course.wrong << "\n"
                                      << join(course.history, "\n");
    if (!course.cut) break;
    ++(course.switched ? switched : stayed);
  }
  std::cout << stayed << " points undone, " << switched << " points finished\n";
  EXPECT_GT(switched, 10);
  EXPECT_GT(stayed, 10);
}

TEST(Interruption, OfTheOldPrimarysPowerAtEveryPointEndsInOnePrimaryAndAStandby) {
  cut_everywhere(Victim::old_primary, Cut::power, Time(300));
  cut_everywhere(Victim::old_primary, Cut::power, Time(30'000));
}

TEST(Interruption, OfTheNewPrimarysPowerAtEveryPointEndsInOnePrimaryAndAStandby) {
  cut_everywhere(Victim::new_primary, Cut::power, Time(300));
  cut_everywhere(Victim::new_primary, Cut::power, Time(30'000));
}

TEST(Interruption, OfEitherAgentAtEveryPointEndsInOnePrimaryAndAStandby) {
  cut_everywhere(Victim::old_primary, Cut::agent, Time(200));
  cut_everywhere(Victim::new_primary, Cut::agent, Time(200));
}

TEST(Interruption, OfNothingSwitchesWithAShortPause) {
  const auto course = interrupted_at(1'000'000, Victim::old_primary, Cut::power, Time(0));
  EXPECT_EQ(course.wrong, "") << join(course.history, "\n");
  EXPECT_FALSE(course.cut);
  EXPECT_TRUE(course.switched);
  EXPECT_LT(course.longest_hold, Time(2000)) << join(course.history, "\n");
}

} // namespace
} // namespace tandem::testing
