// A site that tells what it knows of itself, and what else the proofs of the keys of tandem.toml need around them.
#pragma once
#include "keys/key_proofs.hpp"
#include "lab/shop_pair.hpp"

namespace tandem::lab {

// Its two repositories on tre, keys of ssh and secret files on both servers. Gives what the proofs call facts, but for
// the roles.
Result<proofs::Facts> prepare_probes(Lab& lab);

// Words that the proofs' shell lines use.
[[nodiscard]] std::string probe_words();

// Takes away what tandem leaves behind of sites and addresses that are no longer in its file. `primary` sends the
// deletions on.
Result<void> clear_probes(Lab& lab, const std::string& primary);

} // namespace tandem::lab
