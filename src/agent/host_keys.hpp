// The keys by which sshd proves who it is. Where partners send files to whichever server they reach, all of them show
// the primary's.
#pragma once
#include "peer/json.hpp"
#include "system/files.hpp"

#include <map>
#include <string>

namespace tandem::agent {

// This server's with their public halves: {path: content (base64)}. Holds secrets: goes over the peers' channel only.
// Empty: it has none yet.
Result<peer::Json> host_keys_here(system::Files& files);
// What that made, by path; an error when it names other files.
Result<std::map<std::string, std::string>> host_keys_of(const peer::Json& keys);

} // namespace tandem::agent
