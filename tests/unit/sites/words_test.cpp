#include "sites/words.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {

using ::testing::ElementsAre;

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

TEST(Variables, SystemdGetsEveryValueQuoted) {
  EXPECT_EQ(systemd_variables({{"A", "plain"}, {"B", R"(a"b\c$d`e)"}}), "A=\"plain\"\nB=\"a\\\"b\\\\c\\$d\\`e\"\n");
}

TEST(Redactor, SecretsVanishAndShortValuesStay) {
  const Redactor redact({{"KEY", "correct-horse"}, {"LONGER", "correct-horse-battery"}, {"DEBUG", "1"}});
  EXPECT_EQ(redact("1: correct-horse-battery and correct-horse"), "1: *** and ***");
}

} // namespace tandem::sites
