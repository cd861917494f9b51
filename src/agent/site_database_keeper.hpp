// Looks after what restores and dumps leave: old dumps go, what was cut off goes, and no application writes to a
// database from before a restore.
#pragma once
#include "agent/operations/releases.hpp"
#include "agent/recurring.hpp"

namespace tandem::agent {

class SiteDatabaseKeeper : public std::enable_shared_from_this<SiteDatabaseKeeper> {
public:
  explicit SiteDatabaseKeeper(std::shared_ptr<ReleaseWork> work) : work_(std::move(work)) {}

  // This server is a member. On the loop; the agent must outlive the loop's turning.
  void start(Agent& agent);

private:
  void look(Agent& agent);

  std::shared_ptr<ReleaseWork> work_;
  std::shared_ptr<Recurring> recurring_;
};

void bind_site_databases(Settings& settings, std::vector<Operation>& operations, std::shared_ptr<ReleaseWork> work);

} // namespace tandem::agent
