// Messages that somebody has signed with a secret that both know (HMAC, RFC 2104).
#pragma once
#include <string_view>

namespace tandem::peer {

// Whether `signature` is the HMAC-SHA256 of `message` under `secret`, in hexadecimal of either case. How long it takes
// tells nothing of how much of it is right. No signature is right under an empty secret.
[[nodiscard]] bool is_signed_with(std::string_view secret, std::string_view message, std::string_view signature);

} // namespace tandem::peer
