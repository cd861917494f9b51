#include "base/text.hpp"
#include "config/checks.hpp"
#include "config/syntax.hpp"

namespace tandem::config {

namespace {

using Names = std::vector<std::string>;

std::string site_place(std::size_t index) {
  return fmt::format("site[{}]", index);
}

Names user_names(const model::Pair& pair) {
  Names names;
  for (const auto& user : pair.users)
    names.push_back(user.name);
  return names;
}

// The groups that exist on every server: those of the users, and the sites' own.
Names group_names(const model::Pair& pair) {
  Names names = {"www-data", "root"};
  for (const auto& user : pair.users) {
    names.push_back(user.primary_group.value_or(user.name));
    names.insert(names.end(), user.groups.begin(), user.groups.end());
  }
  return names;
}

bool contains(const Names& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// "one of the users: "andrey" or "nikolays"", the nearest name when there is one.
std::string one_of(const std::string& what, const Names& names, const std::string& wrong) {
  if (const auto near = nearest(wrong, names)) return fmt::format("{}, such as \"{}\"", what, *near);
  return names.empty() ? fmt::format("{}; there is none yet", what) : fmt::format("{}: {}", what, alternatives(names));
}

void check_owner(const Checked& checked, const model::Site& site, const std::string& place) {
  if (site.owner.empty()) return;
  const auto* user = checked.pair.user(site.owner);
  if (user == nullptr)
    checked.report(place + ".owner", fmt::format("the owner {} is not a user", quote(site.owner)),
                   one_of("the name of a [[user]]", user_names(checked.pair), site.owner));
  else if (user->sftp_only)
    checked.report(place + ".owner", fmt::format("the owner {} may do nothing but SFTP", quote(site.owner)),
                   "a user that can run the site");
}

void check_folders(const Checked& checked, const model::Site& site, const std::string& place) {
  Once names(checked);
  auto users = user_names(checked.pair);
  users.insert(users.end(), {"www-data", "root"});
  const auto groups = group_names(checked.pair);
  for (std::size_t i = 0; i < site.folders.size(); ++i) {
    const auto& folder = site.folders[i];
    const auto here = fmt::format("{}.folders[{}]", place, i);
    names.see("folder", folder.name, here + ".name");
    if (folder.owner && !contains(users, *folder.owner))
      checked.report(here + ".owner", fmt::format("the owner {} is not a user", quote(*folder.owner)),
                     one_of("the name of a [[user]], \"www-data\" or \"root\"", users, *folder.owner));
    if (folder.group && !contains(groups, *folder.group))
      checked.report(here + ".group", fmt::format("the group {} is not there", quote(*folder.group)),
                     one_of("\"www-data\", or a group that some [[user]] is in", groups, *folder.group));
  }
}

void check_serve(const Checked& checked, const model::Site& site, const std::string& place) {
  Names folders;
  for (const auto& folder : site.folders)
    folders.push_back(folder.name);
  for (const auto& [prefix, folder] : site.serve)
    if (!contains(folders, folder))
      checked.report(fmt::format("{}.serve.{}", place, prefix),
                     fmt::format("{} is served from {}, which is not in folders", quote(prefix), quote(folder)),
                     one_of("the name of one of the site's folders", folders, folder));
}

void check_host_keys(const Checked& checked, const model::Site& site, const std::string& place) {
  const auto host = ssh_host(site.repo);
  if (host.empty()) return;
  const auto& keys = site.repo_host_keys;
  if (std::ranges::any_of(keys, [&](const std::string& key) { return known_host_names(key, host); })) return;
  if (keys.empty() && checked.places.find(place + ".repo_host_keys[0]")) return; // they have problems of their own
  checked.report(place + ".repo", fmt::format("no host key of {} is pinned", quote(host)),
                 fmt::format("repo_host_keys with a line of `ssh-keyscan {}`; an unknown key is refused", host));
}

void check_pip_options(const Checked& checked, const model::Site& site, const std::string& place) {
  if (!site.pip_options.empty() && !site.pip_options.front().starts_with('-'))
    checked.report(place + ".pip_options[0]", fmt::format("{} is not an option", quote(site.pip_options.front())),
                   "an option first, such as \"--no-index\"; its value follows as a text of its own");
}

// Two imports of the same uploads would take them away from each other.
void check_import(const Checked& checked, const model::Site& site, const std::string& place) {
  if (!site.import || site.import->user.empty()) return;
  const auto& import = *site.import;
  const auto* user = checked.pair.user(import.user);
  if (user == nullptr)
    return checked.report(place + ".import.user", fmt::format("the import user {} is not a user", quote(import.user)),
                          one_of("the name of a [[user]]", user_names(checked.pair), import.user));
  if (!user->sftp_only) // it could lead its folder somewhere else, from where root would take files
    checked.report(place + ".import.user", fmt::format("the import user {} is not shut in", quote(import.user)),
                   "sftp_only = true in its [[user]]");
  if (user->folders.empty())
    checked.report(place + ".import.user", fmt::format("the import user {} has no folder", quote(import.user)),
                   "folders = [\"import\"] in its [[user]], for what it uploads");
  for (const auto& other : checked.pair.sites) {
    if (&other == &site) break;
    if (other.import && other.import->user == import.user && other.import->pattern == import.pattern)
      checked.report(place + ".import.pattern",
                     fmt::format("{} takes the same uploads of {} in", other.domain, quote(import.user)),
                     "a pattern of its own, or a user of its own");
  }
}

void check_work(const Checked& checked, const model::Site& site, const std::string& place) {
  check_import(checked, site, place);
  Once jobs(checked);
  for (std::size_t i = 0; i < site.jobs.size(); ++i)
    jobs.see("job", site.jobs[i].name, fmt::format("{}.job[{}].name", place, i));
  Once workers(checked);
  for (std::size_t i = 0; site.celery && i < site.celery->workers.size(); ++i)
    workers.see("worker", site.celery->workers[i].name, fmt::format("{}.celery.worker[{}].name", place, i));
}

// A role belongs to one unix user: the site's processes log in to the database as whom they run as.
void check_database_owners(const Checked& checked) {
  std::map<std::string, const model::Site*> first;
  for (std::size_t i = 0; i < checked.pair.sites.size(); ++i) {
    const auto& site = checked.pair.sites[i];
    if (!site.database || site.database->owner.empty() || site.owner.empty()) continue;
    const auto [entry, added] = first.emplace(site.database->owner, &site);
    if (added || entry->second->owner == site.owner) continue;
    checked.report(site_place(i) + ".database.owner",
                   fmt::format("the database owner {} is used by {}, which runs as \"{}\"", quote(site.database->owner),
                               entry->second->domain, entry->second->owner),
                   fmt::format("another role: this site runs as \"{}\"", site.owner));
  }
}

} // namespace

void check_sites(const Checked& checked) {
  Once domains(checked);
  Once databases(checked);
  for (std::size_t i = 0; i < checked.pair.sites.size(); ++i) {
    const auto& site = checked.pair.sites[i];
    domains.see("domain", site.domain, site_place(i) + ".domain");
    for (std::size_t j = 0; j < site.aliases.size(); ++j)
      domains.see("domain", site.aliases[j], fmt::format("{}.aliases[{}]", site_place(i), j));
    if (site.database) databases.see("database", site.database->name, site_place(i) + ".database.name");
  }
  check_database_owners(checked);
}

void check_each_site(const Checked& checked) {
  for (std::size_t i = 0; i < checked.pair.sites.size(); ++i)
    for (auto check : {check_owner, check_folders, check_serve, check_host_keys, check_pip_options, check_work})
      check(checked, checked.pair.sites[i], site_place(i));
}

} // namespace tandem::config
