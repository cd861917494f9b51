// A pair that was set up by hand is one again: what comes on each server, the reverse of taking_over.hpp. Sites answer
// throughout; what tandem replaced comes back, what it made goes, and data stay where they are now.
#pragma once
#include "agent/operation.hpp"
#include "converge/give_back.hpp"
#include "model/by_hand.hpp"
#include "model/pair.hpp"
#include "sites/serving.hpp"
#include "system/applications.hpp"
#include "system/postgres_layout.hpp"

namespace tandem::agent {

// Where a standby's own upstream lies, as it was before tandem; in the folder of kept files.
inline constexpr auto* kept_upstream = "postgresql.auto.conf.by-hand";

class GivingBack {
public:
  // All of it must outlive it.
  GivingBack(OperationContext& context, std::shared_ptr<const model::Pair> pair, const model::ByHand& by_hand,
             system::Applications& applications);

  // refused where this server was not taken over from hands in the role that it has, or has sites that were not there
  // then. Changes nothing.
  Result<void> check();
  // From here on it can only go on, and is told so by check(). Nothing is repaired by the latest apply's orders.
  Result<void> begin();

  // Primary: visitors wait at the gate while each site's own application takes the place of its release. Where one
  // does not start all is as it was. Hold the work on the database.
  Result<void> serve_sites();
  // Standby, whose role has ended: its sites stop, and its PostgreSQL follows by what it was set up with.
  Result<void> follow_by_hand();
  // PostgreSQL runs with its own configuration: a primary's restarts behind the gate, a standby's once it follows.
  Result<void> give_database();
  // All the rest, after which nothing of tandem is needed any more.
  Result<void> give_rest();

private:
  class Speaker;

  [[nodiscard]] bool is_primary() const { return snapshot_.standing.primary == snapshot_.server; }

  [[nodiscard]] sites::Tools tools() const;
  [[nodiscard]] std::string mark() const;
  Result<void> check_site(const model::Site& site);
  Result<void> change_sites(const std::vector<model::Site>& sites, sites::Serving serving);
  Result<void> back_to_releases(const std::vector<model::Site>& sites, sites::Serving serving);
  Result<void> put_back(const converge::Choice& choice, const std::set<converge::Reaction>& more = {});
  Result<void> drop_slots();
  Result<void> wait_until_it_follows();
  Result<void> give_sites();

  OperationContext& context_;
  std::shared_ptr<const model::Pair> pair_;
  const model::ByHand& by_hand_;
  system::Applications& applications_;
  Snapshot snapshot_;
  system::PostgresLayout layout_;
  std::map<std::string, std::string> releases_; // what links led to before serve_sites(), by domain
};

} // namespace tandem::agent
