#include "base/variables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

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

} // namespace tandem
