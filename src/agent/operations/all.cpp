#include "agent/operations/all.hpp"

namespace tandem::agent {

std::vector<Operation> standard_operations() {
  return {init_operation(),
          token_operation(),
          join_operation(),
          join_accept_operation(),
          status_operation(),
          server_status_operation(),
          configuration_put_operation()};
}

} // namespace tandem::agent
