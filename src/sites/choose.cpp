#include "sites/choose.hpp"

#include "base/text.hpp"

#include <set>

namespace tandem::sites {

namespace {

constexpr std::size_t kept_releases = 3;

const Release* find_release(const Holdings& holdings, const std::string& id) {
  const auto found = std::ranges::find(holdings.releases, id, &Release::id);
  return found == holdings.releases.end() ? nullptr : &*found;
}

// The newest that bears the id or whose commit begins so.
const Release* find_wanted(const Holdings& holdings, const std::string& wanted) {
  if (const auto* exact = find_release(holdings, wanted)) return exact;
  const Release* found = nullptr;
  for (const auto& release : holdings.releases)
    if (wanted.size() >= 7 && release.commit.starts_with(wanted)) found = &release;
  return found;
}

std::string names_of(const Holdings& holdings) {
  std::vector<std::string> names;
  for (const auto& release : holdings.releases)
    names.push_back(release.id);
  return names.empty() ? "none" : join(names, ", ");
}

std::set<std::string> kept(const Holdings& holdings) {
  std::set<std::string> ids;
  const auto& releases = holdings.releases;
  for (std::size_t at = releases.size() - std::min(releases.size(), kept_releases); at < releases.size(); ++at)
    ids.insert(releases[at].id);
  if (holdings.current) ids.insert(*holdings.current);
  for (const auto& id : holdings.history) {
    if (id == holdings.current || find_release(holdings, id) == nullptr) continue;
    ids.insert(id); // what was live before it, newer or older
    break;
  }
  return ids;
}

} // namespace

std::optional<std::string> previous_release(const Holdings& holdings) {
  for (const auto& id : holdings.history)
    if (id < holdings.current.value_or("~") && find_release(holdings, id) != nullptr) return id; // ids sort by time
  return {};
}

Leftovers leftovers(const Holdings& holdings) {
  const auto keep = kept(holdings);
  Leftovers result;
  std::set<std::string> used;
  for (const auto& release : holdings.releases) {
    if (keep.contains(release.id))
      used.insert(release.environment);
    else
      result.releases.push_back(release.id);
  }
  for (const auto& id : holdings.unfinished)
    if (id != holdings.current) result.releases.push_back(id);
  // With a damaged manifest nobody knows which environment the running release uses.
  if (holdings.current && find_release(holdings, *holdings.current) == nullptr) return result;
  for (const auto& key : holdings.environments)
    if (!used.contains(key)) result.environments.push_back(key);
  return result;
}

Result<WayBack> choose_rollback(const Holdings& holdings, const std::string& wanted) {
  const auto id = wanted.empty() ? previous_release(holdings).value_or("") : wanted;
  const auto* target = find_wanted(holdings, id);
  if (target == nullptr && wanted.empty())
    return fail(ErrorKind::not_found, "no earlier release is left to go back to", "Deploy an earlier commit instead.");
  if (target == nullptr)
    return fail(ErrorKind::not_found, "there is no release " + wanted, "Those that are here: " + names_of(holdings));
  if (target->id == holdings.current) return fail(ErrorKind::refused, "release " + target->id + " is the current one");
  WayBack way{*target, {}};
  if (const auto* current = holdings.current ? find_release(holdings, *holdings.current) : nullptr)
    std::ranges::set_difference(current->migrations, target->migrations, std::back_inserter(way.migrations));
  return way;
}

} // namespace tandem::sites
