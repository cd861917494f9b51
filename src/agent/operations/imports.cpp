#include "agent/operations/imports.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

Operation imports_operation(std::shared_ptr<ImportKeeper> keeper) {
  return {.name = "imports",
          .callers = {Caller::command, Caller::peer},
          .run = [keeper = std::move(keeper)](OperationContext& context) { return keeper->decide(context); }};
}

Operation imports_put_operation(std::shared_ptr<ImportKeeper> keeper) {
  return {.name = "imports.put",
          .callers = {Caller::peer},
          .run = [keeper = std::move(keeper)](OperationContext& context) { return keeper->receive(context); }};
}

Operation imports_return_operation(std::shared_ptr<ImportKeeper> keeper) {
  return {.name = "imports.return",
          .callers = {Caller::peer},
          .run = [keeper = std::move(keeper)](OperationContext& context) { return keeper->give_back(context); }};
}

} // namespace tandem::agent
