// docs/roles.md, made from the tables that run: the diagram, the protocol's rows, and what follows from them.
#pragma once
#include <string>

namespace tandem::role {

[[nodiscard]] std::string diagram();        // Mermaid, of the protocol's situations
[[nodiscard]] std::string roles_document(); // the whole page

} // namespace tandem::role
