#include "agent/touched.hpp"

#include <gtest/gtest.h>

namespace tandem::agent {
namespace {

using Paths = std::set<std::string>;

TEST(TouchedTest, AFileIsSettledWithItsFolder) {
  Touched touched;
  touched.add("/www/shop/media/a.jpg");
  touched.add("/www/shop/media/b.jpg");
  EXPECT_EQ(touched.paths(), (Paths{"/www/shop/media", "/www/shop/media/a.jpg", "/www/shop/media/b.jpg"}));
  EXPECT_FALSE(touched.whole());
}

TEST(TouchedTest, AFoldersSlashIsNoPartOfItsName) {
  Touched touched;
  touched.add("/www/shop/media/");
  EXPECT_EQ(touched.paths(), (Paths{"/www/shop", "/www/shop/media"}));
}

TEST(TouchedTest, WithNothingTouchedNothingIsSettled) {
  EXPECT_TRUE(Touched().paths().empty());
  EXPECT_FALSE(Touched().whole());
}

TEST(TouchedTest, ANameThatRsyncEscapedSettlesEverything) {
  Touched touched;
  touched.add(R"(/www/shop/\#303\#244.jpg)");
  EXPECT_TRUE(touched.whole());
}

TEST(TouchedTest, VeryManySettleEverythingAndAreNotAllKept) {
  Touched touched;
  for (int i = 0; i < 5000; ++i)
    touched.add("/www/" + std::to_string(i));
  EXPECT_TRUE(touched.whole());
  EXPECT_LE(touched.paths().size(), 1002U);
}

} // namespace
} // namespace tandem::agent
