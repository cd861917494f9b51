// Passwords as /etc/shadow keeps them: crypt(5) of libxcrypt, which every Debian has. Pure but for the random salt.
#pragma once
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace tandem::system {

// sha512crypt, which takes a few milliseconds: every plan looks whether the password is still the one that is wanted,
// and Debian's own yescrypt is made to take long.
Result<std::string> hash_password(const std::string& password);

// Whether the second field of a line of /etc/shadow is a hash of that password, be the account locked or not: that is
// for whoever locked it to end. One that another program made in its own way, or none, fits nothing.
[[nodiscard]] bool password_fits(const std::string& password, std::string_view field);

} // namespace tandem::system
