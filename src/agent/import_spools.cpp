#include "agent/import_spools.hpp"

#include "model/places.hpp"

namespace tandem::agent {

Result<sites::ImportSpool> spool_at(Agent& agent, const std::string& domain) {
  if (agent.ports().uploads == nullptr) return failed("this agent cannot look after uploads");
  TANDEM_TRY(const auto accounts, agent.ports().accounts.read());
  const auto* group = accounts.group("www-data");
  if (group == nullptr) return failed("there is no group www-data", "tandem apply");
  return sites::ImportSpool(agent.ports().files, *agent.ports().uploads, agent.ports().clock,
                            sites::Layout{}.imports(domain), {0, group->gid});
}

Result<std::map<std::string, std::size_t>> uploads_held(Agent& agent, const std::string& domain) {
  TANDEM_TRY(auto spool, spool_at(agent, domain));
  return spool.count();
}

std::vector<std::string> sites_with_uploads(Agent& agent) {
  return agent.ports().files.list(model::import_spool).value_or(std::vector<std::string>{});
}

} // namespace tandem::agent
