// Files of variables, as an operator writes them for a site's environment. Pure.
#pragma once
#include "base/result.hpp"

#include <map>
#include <string>
#include <string_view>

namespace tandem {

// KEY=VALUE lines -> variables. Blank lines and lines that begin with # are skipped, "export " is allowed, a value may
// stand in single or double quotes. An error names the line by number and never quotes it, since it may be a secret.
Result<std::map<std::string, std::string>> parse_variables(std::string_view text);

} // namespace tandem
