// The one-time token with which a server joins: what the operator carries from the first server to the second.
#pragma once
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace tandem::peer {

struct JoinToken {
  std::string authority; // the first 32 hexadecimal digits of the SHA-256 of the pair's CA certificate: whom to believe
  std::string secret;    // 32 hexadecimal digits: why to be believed
  bool operator==(const JoinToken&) const = default;
};

// "t1-AUTHORITY-SECRET"
std::string to_text(const JoinToken& token);
// invalid, with a hint, for anything else; blanks around it are forgiven.
Result<JoinToken> parse_token(std::string_view text);
// A token with a new secret for the authority of this fingerprint (64 digits).
Result<JoinToken> make_token(const std::string& authority_fingerprint);

} // namespace tandem::peer
