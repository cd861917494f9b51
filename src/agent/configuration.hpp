// tandem.toml with the secret files that it names, as one thing that is read here and written on another server.
#pragma once
#include "config/load.hpp"
#include "model/pair.hpp"
#include "peer/json.hpp"
#include "system/files.hpp"

#include <functional>
#include <memory>

namespace tandem::agent {

struct Configuration {
  std::shared_ptr<const model::Pair> pair;
  std::string text;                       // of tandem.toml
  std::vector<model::SecretFile> secrets; // all that it names
};

// The text of a tandem.toml at that path -> its values; `secret` reads the secret files. An error lists
// everything that is wrong with it.
Result<Configuration> parse_configuration(const std::string& path, const std::string& text,
                                          const config::SecretReader& secret);

// What lies there. Files that it names need only be there: a slip in one site's must not keep a server from its role.
Result<Configuration> read_configuration(system::Files& files, const std::string& path);
// The same as `tandem check` would: what those files say has to be right, too.
Result<Configuration> check_configuration(system::Files& files, const std::string& path);

// {"text", "secrets": [{"path", "data" (base64)}]}. Holds secrets: goes over the peers' channel only.
Result<peer::Json> pack(system::Files& files, const Configuration& configuration);

// What pack() made, checked against what the text itself names: no other file can be written by it.
struct Packed {
  Configuration configuration;
  std::map<std::string, std::string> secrets; // path -> content
};

Result<Packed> unpack(const peer::Json& value, const std::string& path);

// Writes the secrets (mode 0600), then the file. What is there already is not written again; a tandem.toml that
// differs is kept as tandem.toml.old. Says whether anything changed.
Result<bool> install(system::Files& files, const std::string& path, const Packed& packed);

std::string to_base64(std::string_view bytes);
Result<std::string> from_base64(std::string_view text);

} // namespace tandem::agent
