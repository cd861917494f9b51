// What a standby has of its primary's writes: what is known, and told, before a failover gives up the rest.
#pragma once
#include "agent/agent.hpp"

namespace tandem::agent {

struct Survey {
  std::string wal;          // PostgreSQL's position, received and on the disk; "" without a database
  std::string committed_to; // wall time of the last transaction replayed, as PostgreSQL noted it; "": none is known
  std::string files_to;     // the files are complete to this wall time; "": never compared
};

// Of this server. refused when its database is of no use. Worker thread.
Result<Survey> take_survey(Agent& agent);

// "duo has … What was acknowledged on uno after that may be lost." Pure.
[[nodiscard]] std::string told(const Survey& survey, const std::string& self, const std::string& old_primary);

// The primary's word, kept on the standby for the day when the primary cannot be asked: {"to"}: this server's files are
// complete to that wall time. Between agents.
Operation files_complete_operation();
// What was kept; "": nothing.
[[nodiscard]] std::string files_complete_to(Agent& agent);
// Where files of this server go before the primary's replace or delete them; "": they have been equal to the primary's
// once in its epoch, so that nothing is kept of what it sends. On the loop.
[[nodiscard]] std::string diverged_files_folder(Agent& agent);

} // namespace tandem::agent
