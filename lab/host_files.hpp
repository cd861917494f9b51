// What makes a host of the shared root a host of its own: the files in its overlay before its first boot.
#pragma once
#include "base/result.hpp"
#include "lab/names.hpp"

namespace tandem::lab {

// Makes the key that root of tre logs in to all hosts with. Keeps an existing one.
Result<void> make_lab_key(const Names& names);

// Makes the host's folders (upper, work, merged, www) and fills the overlay: name, addresses, network, apt source,
// ssh host keys, root's key; for tre the git server as well.
Result<void> make_host_files(const Names& names, const Host& host);

} // namespace tandem::lab
