#include "system/passwords.hpp"

#include <gtest/gtest.h>

namespace tandem::system {
namespace {

TEST(Passwords, AHashFitsItsPasswordAndNoOther) {
  const auto hash = hash_password("p:ä ss");
  ASSERT_TRUE(hash) << hash.error().message;
  EXPECT_TRUE(hash->starts_with("$6$"));
  EXPECT_TRUE(password_fits("p:ä ss", *hash));
  EXPECT_FALSE(password_fits("p:ä s", *hash));
  EXPECT_NE(*hash, hash_password("p:ä ss").value()) << "each has a salt of its own";
  EXPECT_TRUE(password_fits("p:ä ss", "!" + *hash)) << "who locked the account unlocks it";
}

// The first example of the specification of sha-crypt (akkadia.org/drepper/SHA-crypt.txt).
TEST(Passwords, AreHashedAsEverybodyDoes) {
  EXPECT_TRUE(password_fits("Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4"
                                            "OTLiBFdcbYEdFCoEOfaS35inz1"));
}

TEST(Passwords, NothingFitsWhatIsNoHashOfOurs) {
  for (const auto* field : {"", "!", "*", "!$6$x$y", "$y$j9T$abc$def", "$6$", "plain"})
    EXPECT_FALSE(password_fits("plain", field)) << field;
}

} // namespace
} // namespace tandem::system
