// The differences between what should be and what is, with their reasons. Pure.
#pragma once
#include "base/result.hpp"
#include "converge/reading.hpp"
#include "converge/resource.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace tandem::converge {

enum class ChangeKind { create, change, remove, react };

// One line of a plan and what stands below it.
struct Change {
  ChangeKind kind = ChangeKind::change;
  std::string id = {};                   // of the resource, or the reaction's text
  std::string why = {};                  // the resource's reason
  std::vector<std::string> details = {}; // "mode 0644 -> 0600", "+ line", "was edited by hand; …"
  bool edited_by_hand = false;
  bool later = false; // can only be compared once an earlier change is made
};

struct Plan {
  std::vector<Change> changes;             // in the order of their making; empty: nothing to do
  std::size_t compared = 0;                // how many resources were looked at
  std::vector<std::string> held_back = {}; // settings that a standby's PostgreSQL cannot lower yet

  [[nodiscard]] bool empty() const { return changes.empty(); }
};

// What is different for one resource; nullopt when nothing is. An error when the difference must not be made:
// a uid that is taken, a folder where a file should be.
Result<std::optional<Change>> compare(const Resource& desired, const Reading& actual);

// The resources in the order in which they can be made: the list's own order, with `after` respected.
// An error names a missing or circular dependency, or an id that occurs twice.
Result<std::vector<Resource>> in_order(std::vector<Resource> resources);

// Reads everything and compares. Reactions that an earlier run still owes are part of the plan.
Result<Plan> make_plan(const std::vector<Resource>& resources, Reader& reader, const std::set<Reaction>& owed);

// The plan as a person reads it: the summary first, then a line a change with its reason and details below.
std::string to_text(const Plan& plan, const std::string& server);

} // namespace tandem::converge
