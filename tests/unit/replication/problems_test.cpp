#include "replication/database/problems.hpp"

#include <gmock/gmock.h>

namespace tandem::replication {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

const DatabaseRole on_primary{.self = "uno", .primary = "uno", .others = {"duo"}, .lag_limit = 30};
const DatabaseRole on_standby{.self = "duo", .primary = "uno", .others = {"uno"}, .lag_limit = 30};

DatabaseStanding primary() {
  return {.state = DatabaseState::primary,
          .standbys = {{.server = "duo", .state = "streaming", .lag_bytes = 0, .lag_seconds = 0}},
          .slots = {{.name = "tandem_duo", .active = true, .wal_status = "reserved"}}};
}

} // namespace

TEST(DatabaseProblems, ThereAreNoneWhenTheStandbyFollows) {
  EXPECT_THAT(database_problems(primary(), on_primary), IsEmpty());
  EXPECT_THAT(database_problems({.state = DatabaseState::standby, .receiver = "streaming"}, on_standby), IsEmpty());
}

TEST(DatabaseProblems, OfThePrimaryNameTheStandby) {
  auto standing = primary();
  standing.standbys[0].lag_seconds = 31;
  EXPECT_THAT(database_problems(standing, on_primary), ElementsAre("the database on duo is 31 s behind"));
  standing.standbys.clear();
  standing.slots[0] = {.name = "tandem_duo", .wal_status = "extended", .held_back = std::uint64_t{300} << 20U};
  EXPECT_THAT(database_problems(standing, on_primary),
              ElementsAre("duo does not follow the database; 300 MB of WAL are kept for it"));
  standing.slots[0].wal_status = "lost";
  EXPECT_THAT(database_problems(standing, on_primary), ElementsAre(HasSubstr("needs a new copy")));
  standing.state = DatabaseState::stopped;
  EXPECT_THAT(database_problems(standing, on_primary), ElementsAre("the database does not run"));
}

TEST(DatabaseProblems, OfTheStandbySayWhatToDo) {
  EXPECT_THAT(database_problems({.state = DatabaseState::primary}, on_standby),
              ElementsAre(HasSubstr("tandem apply on uno")));
  EXPECT_THAT(database_problems({.state = DatabaseState::absent}, on_standby),
              ElementsAre(HasSubstr("tandem apply on uno")));
  EXPECT_THAT(database_problems({.state = DatabaseState::standby}, on_standby),
              ElementsAre("the database does not follow uno"));
  EXPECT_THAT(database_problems({.state = DatabaseState::starting, .problem = "the system is starting up"}, on_standby),
              ElementsAre("the database does not run: the system is starting up"));
}

} // namespace tandem::replication
