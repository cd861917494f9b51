#include "peer/signature.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tandem::peer {
namespace {

// GitHub's own example: "Validating webhook deliveries".
constexpr auto* known_secret = "It's a Secret to Everybody";
constexpr auto* known_message = "Hello, World!";
const std::string known_signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

TEST(Signature, IsThatOfTheMessageUnderTheSecret) {
  EXPECT_TRUE(is_signed_with(known_secret, known_message, known_signature));
  EXPECT_TRUE(
      is_signed_with(known_secret, known_message, "757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17"));
  EXPECT_FALSE(is_signed_with("another", known_message, known_signature));
  EXPECT_FALSE(is_signed_with(known_secret, "Hello, World?", known_signature));
}

TEST(Signature, WithOneDigitChangedOrMissingIsWrong) {
  for (std::size_t at = 0; at < known_signature.size(); ++at) {
    auto changed = known_signature;
    changed[at] = changed[at] == '0' ? '1' : '0';
    EXPECT_FALSE(is_signed_with(known_secret, known_message, changed)) << at;
    EXPECT_FALSE(is_signed_with(known_secret, known_message, known_signature.substr(0, at))) << at;
  }
  EXPECT_FALSE(is_signed_with(known_secret, known_message, known_signature + "0"));
}

// Anybody could make one.
TEST(Signature, UnderAnEmptySecretIsNone) {
  EXPECT_FALSE(is_signed_with("", "message", "eb08c1f56d5ddee07f7bdf80468083da06b64cf4fac64fe3a90883df5feacae4"));
}

} // namespace
} // namespace tandem::peer
