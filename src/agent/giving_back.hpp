// A pair that was set up by hand is one again: what comes on each server, the reverse of taking_over.hpp. Sites answer
// throughout; what tandem replaced comes back, what it made goes, and data stay where they are now.
#pragma once
#include "agent/give_back_mark.hpp"
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
  // then. Changes nothing. -> the replication slot that a standby used by hand; "": none
  Result<std::string> check();
  // From here on it can only go on, and check() asks nothing any more. The latest apply's orders repair nothing.
  Result<void> begin();
  // The role asks for nothing here any more, also after a restart.
  Result<void> end_duty();

  // Primary: visitors wait at the gate while each site's own application takes the place of its release. Where one
  // does not start all is as it was. Hold the work on the database.
  Result<void> serve_sites();
  // Standby, without a duty: its sites stop, and its PostgreSQL follows by what it was set up with.
  Result<void> follow_by_hand();
  // PostgreSQL runs with its own configuration: a primary's restarts behind the gate, and has the slots that its
  // standbys used; a standby's restarts once it follows.
  Result<void> give_database(const std::vector<std::string>& slots);
  // The sites' applications and nginx are what they were, now and at each boot.
  Result<void> give_front();
  // All the rest, after which nothing of tandem is needed any more.
  Result<void> give_rest();
  // This server belongs to no pair, and nothing is known of the way back any more.
  Result<void> leave();

private:
  class Speaker;

  [[nodiscard]] bool is_primary() const { return snapshot_.standing.primary == snapshot_.server; }

  [[nodiscard]] sites::Tools tools() const;
  [[nodiscard]] GiveBackMark mark() const;
  [[nodiscard]] std::string upstream_by_hand() const; // the file
  Result<std::string> slot_by_hand() const;
  Result<void> check_site(const model::Site& site);
  Result<void> change_sites(const std::vector<model::Site>& sites, sites::Serving serving);
  Result<void> back_to_releases(const std::vector<model::Site>& sites, sites::Serving serving);
  Result<void> put_back(const converge::Choice& choice, const std::set<converge::Reaction>& more = {});
  Result<void> change_slots(const std::vector<std::string>& slots);
  Result<void> database_runs();
  Result<void> wait_until_it_follows();

  OperationContext& context_;
  std::shared_ptr<const model::Pair> pair_;
  const model::ByHand& by_hand_;
  system::Applications& applications_;
  Snapshot snapshot_;
  system::PostgresLayout layout_;
  std::map<std::string, std::string> releases_; // what links led to before serve_sites(), by domain
};

} // namespace tandem::agent
