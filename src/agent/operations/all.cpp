#include "agent/operations/all.hpp"

#include "agent/operations/releases.hpp"
#include "agent/operations/setup.hpp"
#include "agent/turns.hpp"

namespace tandem::agent {

std::vector<Operation> standard_operations(std::shared_ptr<ReleaseWork> releases) {
  return {init_operation(),
          token_operation(),
          join_operation(),
          join_accept_operation(),
          status_operation(),
          server_status_operation(),
          configuration_put_operation(),
          plan_operation(),
          apply_operation(releases),
          server_accounts_operation(),
          server_host_keys_operation(),
          server_plan_operation(),
          server_apply_operation(releases),
          repair_operation(releases),
          turn_take_operation(),
          turn_give_operation(),
          deploy_operation(releases),
          rollback_operation(releases),
          deploys_operation(releases),
          server_deploys_operation(releases),
          release_warm_operation(releases),
          release_live_operation(releases)};
}

} // namespace tandem::agent
