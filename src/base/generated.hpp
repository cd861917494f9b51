// The first lines of every file that tandem generates.
#pragma once
#include <string>
#include <string_view>

namespace tandem {

// `comment` begins a line of the file's own language.
[[nodiscard]] std::string generated_header(std::string_view comment = "#");

} // namespace tandem
