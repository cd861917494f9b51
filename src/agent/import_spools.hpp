// The uploads that this server has taken, site by site.
#pragma once
#include "agent/agent.hpp"
#include "sites/import_spool.hpp"

namespace tandem::agent {

// Worker thread, as are all.
Result<sites::ImportSpool> spool_at(Agent& agent, const std::string& domain);
// How many uploads this server holds for a site, by state; for whoever would leave them behind.
Result<std::map<std::string, std::size_t>> uploads_held(Agent& agent, const std::string& domain);
// The sites that this server has taken uploads for, whether tandem.toml still has them or not.
std::vector<std::string> sites_with_uploads(Agent& agent);

} // namespace tandem::agent
