#include "lab/wheels.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

using ::testing::ElementsAre;

TEST(Wheels, AnotherReleaseIsFetchedFromWhereThisMachineFetchesItsOwn) {
  const std::vector<std::string> own{
      "http://mirror.example/debian/ bookworm", "http://mirror.example/debian/ bookworm-updates",
      "http://mirror.example/debian-security/ bookworm-security", "http://mirror.example/debian/ bookworm"};
  EXPECT_THAT(sources_for("trixie", "bookworm", own),
              ElementsAre("http://mirror.example/debian/ trixie", "http://mirror.example/debian/ trixie-updates",
                          "http://mirror.example/debian-security/ trixie-security"));
}

TEST(Wheels, SourcesThatAreNotDebiansOwnAreLeftOut) {
  const std::vector<std::string> own{"https://other.example/node nodistro", "http://mirror.example/debian bookworm",
                                     ""};
  EXPECT_THAT(sources_for("bookworm", "bookworm", own), ElementsAre("http://mirror.example/debian bookworm"));
}

TEST(Wheels, RequirementsThatDebianTookOutAreBackInTheHeader) {
  EXPECT_EQ(
      wheel_metadata("Metadata-Version: 2.1\nName: Shop\nVersion: 1.0\nSummary: s\n\nVersion: of the text\n",
                     {"asgiref", "pytz"}),
      "Metadata-Version: 2.1\nName: Shop\nVersion: 1.0\nRequires-Dist: asgiref\nRequires-Dist: pytz\nSummary: s\n\n"
      "Version: of the text\n");
}

TEST(Wheels, ARequirementThatIsStillThereKeepsItsLimits) {
  const std::string info = "Name: Shop\nVersion: 1.0\nRequires-Dist: asgiref>=3.6\n";
  EXPECT_EQ(wheel_metadata(info, {"asgiref"}), info);
}

TEST(Wheels, WhatTheSystemHasIsNotRequired) {
  EXPECT_EQ(
      wheel_metadata("Name: kombu\nVersion: 5.5\nRequires-Dist: vine\nRequires-Dist: tzdata>=2025.2; x\nSummary: s\n\n"
                     "Requires-Dist: tzdata\n",
                     {}),
      "Name: kombu\nVersion: 5.5\nRequires-Dist: vine\nSummary: s\n\nRequires-Dist: tzdata\n");
}

TEST(Wheels, AReleaseWithoutARecipeIsRefusedBeforeAnythingIsFetched) {
  struct NoProcesses : system::Processes {
    Result<system::Outcome> run(const system::Command&, const system::LineSink&) override {
      ADD_FAILURE() << "no program may run";
      return failed("no");
    }
  } processes;

  const auto made = prepare_wheels(processes, "buster", "/nonexistent", "/nonexistent");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::invalid);
}

} // namespace tandem::lab
