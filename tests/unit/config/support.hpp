// What the tests of config share: loading a text as /etc/tandem/tandem.toml, with every secret file present
// or only some, and reading files of the source tree.
#pragma once
#include "config/load.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tandem::config::test {

inline std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::filesystem::path source(std::string_view path) {
  return std::filesystem::path(TANDEM_SOURCE_DIR) / path;
}

// TANDEM_ACCEPT=1 in the environment: golden files are written instead of compared.
inline bool accepting() {
  const char* accept = std::getenv("TANDEM_ACCEPT");
  return accept != nullptr && std::string_view(accept) == "1";
}

// The wanted text of a golden file, after writing it when accepting.
inline std::string golden(const std::filesystem::path& path, const std::string& actual) {
  if (accepting()) std::ofstream(path, std::ios::binary) << actual;
  return read(path);
}

// Every file is there but those whose name says that they are missing; some are of another kind than asked for.
inline std::optional<std::string> some_secrets(const std::string& path) {
  if (path.contains("missing")) return std::nullopt;
  return path.contains("no_variables") ? "KEY=1\nhunter2secret\n" : "# nothing yet\n";
}

inline Loaded load_text(const std::string& text, const KeySet& accepted = built_keys()) {
  return load({"/etc/tandem/tandem.toml", text}, some_secrets, accepted);
}

inline std::string messages(const Loaded& loaded) {
  std::string text;
  for (const auto& problem : loaded.problems)
    text += format(problem) + "\n";
  return text;
}

} // namespace tandem::config::test
