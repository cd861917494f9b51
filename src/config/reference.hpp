// The reference of tandem.toml as Markdown, made from the table of keys: docs/configuration.md is its output.
#pragma once
#include <string>

namespace tandem::config {

[[nodiscard]] std::string reference();

} // namespace tandem::config
