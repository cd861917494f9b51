#include "peer/token.hpp"

#include "base/text.hpp"
#include "peer/authority.hpp"

namespace tandem::peer {

namespace {

constexpr std::size_t digits = 32;

bool is_hex(std::string_view text) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

} // namespace

std::string to_text(const JoinToken& token) {
  return "t1-" + token.authority + "-" + token.secret;
}

Result<JoinToken> parse_token(std::string_view text) {
  const std::vector<std::string> pieces = split(trim(text), '-');
  if (pieces.size() != 3 || pieces[0] != "t1" || !is_hex(pieces[1]) || !is_hex(pieces[2]))
    return fail(ErrorKind::invalid, "this is no join token",
                "Copy the whole token that `tandem init` printed on the first server (it begins with t1-)");
  return JoinToken{pieces[1], pieces[2]};
}

Result<JoinToken> make_token(const std::string& authority_fingerprint) {
  TANDEM_TRY(std::string secret, random_hex(digits / 2));
  return JoinToken{authority_fingerprint.substr(0, digits), std::move(secret)};
}

} // namespace tandem::peer
