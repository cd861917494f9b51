#include "sites/words.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(Words, BlanksSeparateAndQuotesKeepTogether) {
  EXPECT_THAT(*split_command("python manage.py  migrate"), ElementsAre("python", "manage.py", "migrate"));
  EXPECT_THAT(*split_command(R"(echo 'a b' "c d"e "" f\ g)"), ElementsAre("echo", "a b", "c de", "", "f g"));
  EXPECT_THAT(*split_command(R"(echo "say \"hi\"" 'back\slash')"), ElementsAre("echo", "say \"hi\"", "back\\slash"));
}

TEST(Words, NothingIsExpandedSinceThereIsNoShell) {
  EXPECT_THAT(*split_command("echo $HOME *.py; rm | x && y > z"),
              ElementsAre("echo", "$HOME", "*.py;", "rm", "|", "x", "&&", "y", ">", "z"));
}

TEST(Words, AnOpenQuoteAndAnEmptyCommandAreRefused) {
  for (const auto* line : {"echo 'a", "echo \"a", "", "  \t"}) {
    const auto words = split_command(line);
    ASSERT_FALSE(words) << line;
    EXPECT_EQ(words.error().kind, ErrorKind::invalid);
  }
}

TEST(Variables, AFileHasNamesValuesQuotesAndRemarks) {
  const auto variables = parse_variables("# the shop\n\nKEY=value = with signs\nexport NAME='a b'\nTEXT=\"x\\\"y\"\n"
                                         "EMPTY=\n KEY2 = spaced \r\nKEY=later\n");
  ASSERT_TRUE(variables) << variables.error().message;
  EXPECT_THAT(*variables, ElementsAre(Pair("EMPTY", ""), Pair("KEY", "later"), Pair("KEY2", "spaced"),
                                      Pair("NAME", "a b"), Pair("TEXT", "x\"y")));
}

TEST(Variables, AnErrorNamesTheLineAndNeverItsContent) {
  for (const auto* text : {"A=1\nhunter2secret\n", "A=1\nKEY='hunter2secret\n", "A=1\n2X=hunter2secret\n"}) {
    const auto variables = parse_variables(text);
    ASSERT_FALSE(variables) << text;
    EXPECT_THAT(variables.error().message, HasSubstr("line 2"));
    EXPECT_THAT(variables.error().message, Not(HasSubstr("hunter2")));
  }
}

TEST(Variables, SystemdGetsEveryValueQuoted) {
  EXPECT_EQ(systemd_variables({{"A", "plain"}, {"B", R"(a"b\c$d`e)"}}), "A=\"plain\"\nB=\"a\\\"b\\\\c\\$d\\`e\"\n");
}

TEST(Redactor, SecretsVanishAndShortValuesStay) {
  const Redactor redact({{"KEY", "correct-horse"}, {"LONGER", "correct-horse-battery"}, {"DEBUG", "1"}});
  EXPECT_EQ(redact("1: correct-horse-battery and correct-horse"), "1: *** and ***");
}

} // namespace tandem::sites
