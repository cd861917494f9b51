// Bytes made smaller, by zstd at its fastest.
#pragma once
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace tandem::system {

[[nodiscard]] std::string pack(std::string_view bytes);
// invalid: it is none of pack()'s, or more than `most` bytes.
Result<std::string> unpack(std::string_view packed, std::size_t most);

} // namespace tandem::system
