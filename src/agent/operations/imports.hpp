// The sites' imports, for a person and between agents.
#pragma once
#include "agent/import_keeper.hpp"

namespace tandem::agent {

// {"retry" | "drop" | "log": id}: of an upload on any server. -> {"server", "log"?}
Operation imports_operation(std::shared_ptr<ImportKeeper> keeper);
// Between agents, to the primary: {"domain", "id", "name", …, "offset", "data" (base64)} -> {"known"}
Operation imports_put_operation(std::shared_ptr<ImportKeeper> keeper);
// Between agents: {"domain", "id"} -> {"yours"}
Operation imports_return_operation(std::shared_ptr<ImportKeeper> keeper);

} // namespace tandem::agent
