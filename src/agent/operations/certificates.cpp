#include "agent/operations/certificates.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

Operation certificates_renew_operation(std::shared_ptr<CertificateKeeper> keeper) {
  return {.name = "certificates.renew",
          .callers = {Caller::command},
          .apart = true,
          .run = [keeper = std::move(keeper)](OperationContext& context) {
            return keeper->renew(context, context.params().value("site", ""));
          }};
}

Operation certificates_held_operation(std::shared_ptr<CertificateKeeper> keeper) {
  return {.name = "certificates.held",
          .callers = {Caller::peer},
          .run = [keeper = std::move(keeper)](OperationContext& context) -> Result<Json> {
            return keeper->fingerprints(context.agent());
          }};
}

Operation certificates_put_operation(std::shared_ptr<CertificateKeeper> keeper) {
  return {.name = "certificates.put",
          .callers = {Caller::peer},
          .run = [keeper = std::move(keeper)](OperationContext& context) -> Result<Json> {
            TANDEM_TRY(const auto domain, peer::text_member(context.params(), "domain"));
            TANDEM_TRY(const auto pem, peer::text_member(context.params(), "pem"));
            TANDEM_CHECK(keeper->take(context.agent(), context.from(), domain, pem));
            return Json::object();
          }};
}

} // namespace tandem::agent
