// The lab's pure parts.
#include "lab/commands.hpp"
#include "lab/names.hpp"
#include "lab/sources.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

namespace {

using ::testing::ElementsAre;

TEST(LabNames, AreShortAndPlain) {
  EXPECT_TRUE(Names::of("default").has_value());
  EXPECT_TRUE(Names::of("test-1-2").has_value());
  for (const char* name : {"", "..", "a/b", "-a", "a b", "a.b", "much-too-long-for-a-name-of-a-lab"})
    EXPECT_FALSE(Names::of(name).has_value()) << name;
}

TEST(LabHostNames, AreThree) {
  EXPECT_TRUE(find_host("uno").has_value());
  ASSERT_FALSE(find_host("quattro").has_value());
  EXPECT_EQ(find_host("quattro").error().kind, ErrorKind::not_found);
}

TEST(LabSources, AreTakenFromOneLineEntries) {
  EXPECT_THAT(
      debian_sources({"# a comment\n"
                      "deb http://mirror.example/debian bookworm main contrib # why\n"
                      "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian-security bookworm-security main\n"
                      "deb-src http://mirror.example/debian bookworm main\n"
                      "deb http://mirror.example/debian bookworm-backports main\n"},
                     "bookworm", "trixie"),
      ElementsAre("deb http://mirror.example/debian trixie main",
                  "deb http://mirror.example/debian-security trixie-security main"));
}

TEST(LabSources, AreTakenFromStanzas) {
  EXPECT_THAT(debian_sources({"Types: deb deb-src\nURIs: http://mirror.example/debian\n"
                              "Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n\n"
                              "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-security\n"
                              "Components: main\nEnabled: no\n"},
                             "bookworm", "bookworm"),
              ElementsAre("deb http://mirror.example/debian bookworm main",
                          "deb http://mirror.example/debian bookworm-updates main"));
}

TEST(LabSources, LeaveOtherRepositoriesOut) {
  EXPECT_THAT(debian_sources({"deb https://vendor.example/apt bookworm main\n"
                              "deb https://vendor.example/debian bookworm stable\n"},
                             "bookworm", "bookworm"),
              ElementsAre());
}

TEST(LabCommand, SaysWhatItDoesNotUnderstand) {
  EXPECT_EQ(main_command({"--help"}), 0);
  EXPECT_EQ(main_command({}), 2);
  EXPECT_EQ(main_command({"explode"}), 2);
  EXPECT_EQ(main_command({"up", "--release"}), 2);
  EXPECT_EQ(main_command({"run", "uno"}), 2);
  EXPECT_EQ(main_command({"partition", "uno", "--name", "none"}), 2);
  EXPECT_EQ(main_command({"status", "--name", "no-such-lab"}), 1);
}

} // namespace

} // namespace tandem::lab
