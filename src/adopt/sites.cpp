#include "adopt/applications.hpp"
#include "adopt/draft.hpp"
#include "adopt/served.hpp"
#include "base/text.hpp"
#include "config/reserved.hpp"
#include "config/syntax.hpp"

namespace tandem::adopt {

namespace {

using Blocks = std::vector<const ServerBlock*>;

bool shares(const std::vector<std::string>& some, const std::vector<std::string>& others) {
  return std::ranges::any_of(some,
                             [&](const std::string& one) { return std::ranges::find(others, one) != others.end(); });
}

// The blocks that name the site, lead to it, or pass requests to its application.
Blocks blocks_of(const std::vector<ServerBlock>& all, const std::string& domain, const Application& application) {
  Blocks blocks;
  for (const auto& block : all)
    if (std::ranges::find(block.names, domain) != block.names.end() || block.redirects_to == domain ||
        shares(block.sockets, application.sockets))
      blocks.push_back(&block);
  return blocks;
}

bool has_user(const Draft& draft, const std::string& name) {
  const auto* user = draft.pair.user(name);
  return user != nullptr && !user->sftp_only;
}

bool has_group(const Draft& draft, const std::string& name) {
  if (name == "www-data" || name == "root") return true;
  return std::ranges::any_of(draft.pair.users, [&](const model::User& user) {
    return user.primary_group.value_or(user.name) == name || std::ranges::find(user.groups, name) != user.groups.end();
  });
}

// Those that the repository does not have are kept from release to release.
void draft_folders(Draft& draft, const WorkingCopy& copy, model::Site& site) {
  for (const auto& found : copy.folders) {
    const bool tracked = std::ranges::find(copy.tracked, found.name) != copy.tracked.end();
    if (tracked || found.name.starts_with('.') || found.name == "__pycache__" || found.name == "env") continue;
    if (!config::is_folder_name(found.name) || config::reserved::site_folder(found.name) != nullptr) {
      draft.cannot_tell(copy.folder + "/" + found.name, 0, "a folder whose name tandem does not take");
      continue;
    }
    model::SiteFolder folder{.name = found.name};
    if (found.owner != site.owner) {
      if (has_user(draft, found.owner) || found.owner == "www-data" || found.owner == "root")
        folder.owner = found.owner;
      else
        draft.cannot_tell(copy.folder + "/" + found.name, 0,
                          "it belongs to " + found.owner + ": it becomes " + site.owner + "'s");
    }
    if (found.group != "www-data") {
      if (has_group(draft, found.group))
        folder.group = found.group;
      else
        draft.cannot_tell(copy.folder + "/" + found.name, 0, "its group is " + found.group + ": it becomes www-data");
    }
    folder.replicate = found.name != "logs" && found.name != "log"; // as [files] exclude has it from the start
    site.folders.push_back(std::move(folder));
  }
}

void draft_repository(Draft& draft, const WorkingCopy& copy, model::Site& site) {
  site.repo = copy.repo;
  site.repo_host_keys = copy.host_keys;
  if (config::is_branch(copy.branch))
    site.branch = copy.branch;
  else
    draft.cannot_tell(copy.folder + "/.git/HEAD", 0, "the working copy is on no branch; main is taken");
  for (const auto& line : copy.changed)
    draft.cannot_tell(copy.folder, 0, "not committed, so no release would have it: " + line);
  for (const auto& line : copy.unpushed)
    draft.cannot_tell(copy.folder, 0, "not pushed, so no release would have it: " + line);
  if (!config::ssh_host(copy.repo).empty())
    draft.cannot_tell(copy.folder + "/.git/config", 0,
                      "which key " + copy.repo + " is read with: give the site a deploy_key");
  if (!copy.has_requirements)
    draft.cannot_tell(copy.folder, 0, "there is no requirements.txt: say in requirements what pip installs");
  draft.cannot_tell(copy.folder, 0,
                    "what a deploy has to run: give the site its deploy_steps, such as \"python manage.py migrate "
                    "--noinput\" and \"python manage.py collectstatic --noinput\"");
}

bool names_database(const Found& found, const WorkingCopy& copy, const model::Site& site, const std::string& name) {
  for (const auto& [variable, value] : site.environment)
    if (value == name) return true;
  for (const auto& path : copy.settings)
    if (const auto* text = found.file(path))
      if (text->contains("'" + name + "'") || text->contains("\"" + name + "\"")) return true;
  return false;
}

void draft_site_database(Draft& draft, const Found& found, const WorkingCopy& copy, model::Site& site) {
  const DatabaseFound* chosen = nullptr;
  for (const auto& database : found.postgres.databases) {
    if (!names_database(found, copy, site, database.name)) continue;
    if (chosen != nullptr) {
      draft.cannot_tell(copy.folder, 0,
                        site.domain + " names two databases, " + chosen->name + " and " + database.name +
                            ": write its [site.database]");
      return;
    }
    chosen = &database;
  }
  if (chosen == nullptr) return;
  if (!config::is_sql_name(chosen->name) || !config::is_sql_name(chosen->owner) ||
      config::reserved::database_name(chosen->name) != nullptr ||
      config::reserved::database_role(chosen->owner) != nullptr)
    return draft.cannot_tell(copy.folder, 0,
                             "the database " + chosen->name + " of " + chosen->owner +
                                 ": its name or its owner's is none that tandem takes");
  for (const auto& other : draft.pair.sites)
    if (other.database && other.database->name == chosen->name)
      return draft.cannot_tell(copy.folder, 0,
                               "the database " + chosen->name + " is used by " + other.domain + " already");
  site.database = model::SiteDatabase{chosen->name, chosen->owner, {}};
  for (const auto& extension : chosen->extensions)
    if (config::is_extension(extension)) site.database->extensions.push_back(extension);
  if (chosen->owner != site.owner)
    draft.cannot_tell(copy.folder, 0,
                      "the role " + chosen->owner + " owns the database, and " + site.owner +
                          " runs the site: with tandem it logs in as that role over the local socket, with the role "
                          "as USER and without HOST and PASSWORD in the site's settings");
  else if (found.postgres.roles_with_password.contains(chosen->owner))
    draft.cannot_tell(copy.folder, 0,
                      "the role " + chosen->owner +
                          " has a password: with tandem it logs in over the local socket, without "
                          "HOST and PASSWORD in the site's settings");
}

// What keeps a site out of the file; "" when nothing does.
std::string obstacle(const Draft& draft, const model::Site& site, const WorkingCopy& copy, const Blocks& blocks) {
  if (!config::is_domain(site.domain)) return "its folder is not called as its domain is";
  if (!copy.is_git) return "it is no working copy of git";
  if (!config::is_repository(site.repo))
    return "its remote \"origin\" is none that tandem takes, or has a password in it"; // which is not to be shown
  if (!config::ssh_host(site.repo).empty() && site.repo_host_keys.empty())
    return "no known_hosts of the server has the key of " + config::ssh_host(site.repo);
  if (site.wsgi.empty() || !config::is_wsgi(site.wsgi))
    return "its uWSGI names no module, such as shop.wsgi:application";
  if (!has_user(draft, site.owner))
    return "its uWSGI runs as \"" + site.owner + "\", which is no person's account of this server";
  if (blocks.empty()) return "no server of nginx leads to it";
  return {};
}

class SiteDrafts {
public:
  SiteDrafts(Draft& draft, const Found& found) : draft_(draft), found_(found) {}

  void add_all() {
    const auto applications = find_applications(draft_, found_);
    const auto servers = find_servers(draft_, found_);
    for (const auto& application : applications)
      add(application, applications, servers);
    for (const auto& copy : found_.copies)
      if (!seen_.contains(copy.folder)) draft_.cannot_tell(copy.folder, 0, "no application of uWSGI was found for it");
    for (const auto& server : servers)
      if (!used_.contains(&server))
        draft_.cannot_tell(server.file, server.directive.line,
                           "a server of nginx that leads to none of the sites: " + join(server.names, " "));
    for (const auto& database : found_.postgres.databases)
      if (std::ranges::none_of(draft_.pair.sites, [&](const model::Site& site) {
            return site.database && site.database->name == database.name;
          }))
        draft_.cannot_tell("/var/lib/postgresql", 0,
                           "the database " + database.name + ", which no site's settings name; it stays as it is");
  }

private:
  void add(const Application& application, const std::vector<Application>& applications,
           const std::vector<ServerBlock>& servers) {
    const auto copy = std::ranges::find(found_.copies, application.folder, &WorkingCopy::folder);
    if (application.folder.empty() || copy == found_.copies.end())
      return draft_.cannot_tell(application.file, 0, "an application of uWSGI that does not lie in a folder of /www");
    if (!seen_.insert(copy->folder).second)
      return draft_.cannot_tell(application.file, 0, "a second application in " + copy->folder + "; tandem runs one");
    Draft part;
    part.pair = draft_.pair;
    model::Site site{.domain = last_part(copy->folder)};
    draft_application(part, application, site);
    draft_repository(part, *copy, site);
    const auto blocks = blocks_of(servers, site.domain, application);
    if (const auto why = obstacle(part, site, *copy, blocks); !why.empty())
      return draft_.cannot_tell(copy->folder, 0, "the site, which is left out: " + why);
    draft_folders(part, *copy, site);
    draft_serving(part, found_, blocks, copy->folder, site);
    draft_site_database(part, found_, *copy, site);
    part.pair.sites.push_back(std::move(site));
    tell_replaced(part, application, blocks);
    draft_.by_hand.sites.push_back(by_hand(part, application, applications, servers, blocks));
    draft_.pair = std::move(part.pair);
    draft_.secrets.merge(part.secrets);
    std::ranges::move(part.strange, std::back_inserter(draft_.strange));
    std::ranges::move(part.replaced, std::back_inserter(draft_.replaced));
    used_.insert(blocks.begin(), blocks.end());
  }

  // How an apply finds the application, and what it ends. A file of nginx that serves others as well cannot go.
  static model::SiteByHand by_hand(Draft& part, const Application& application,
                                   const std::vector<Application>& applications,
                                   const std::vector<ServerBlock>& servers, const Blocks& blocks) {
    model::SiteByHand known{.domain = part.pair.sites.back().domain, .socket = {}, .unit = {}};
    for (const auto& socket : application.sockets)
      if (socket.starts_with('/') && known.socket.empty()) known.socket = socket;
    if (known.socket.empty())
      part.cannot_tell(application.file, 0, "it listens on no unix socket, so an apply cannot go on with it");
    const auto of_it = std::ranges::count(applications, application.service, &Application::service);
    if (of_it == 1) known.unit = application.service;
    for (const auto* block : blocks) {
      const auto* certificate = block->directive.find("ssl_certificate");
      const auto* key = block->directive.find("ssl_certificate_key");
      if (certificate != nullptr && key != nullptr && certificate->arguments.size() == 1 &&
          key->arguments.size() == 1 && known.certificate.empty()) {
        known.certificate = certificate->arguments[0];
        known.key = key->arguments[0];
      }
      if (block->file == "/etc/nginx/nginx.conf") continue; // tandem's own
      const bool shared = std::ranges::any_of(servers, [&](const ServerBlock& other) {
        return other.file == block->file && std::ranges::find(blocks, &other) == blocks.end();
      });
      if (shared) {
        known.socket.clear();
        part.cannot_tell(block->file, block->directive.line,
                         "the file has servers of others as well: give " + known.domain +
                             " one of its own, so that an apply can go on with the site");
      } else if (std::ranges::find(known.nginx, block->file) == known.nginx.end()) {
        known.nginx.push_back(block->file);
      }
    }
    return known;
  }

  static void tell_replaced(Draft& part, const Application& application, const Blocks& blocks) {
    const auto unit = application.service.empty() ? std::string("uwsgi.service") : application.service;
    part.replaces(application.file, 0, "the application's settings; its unit is " + unit);
    std::set<std::string> files;
    for (const auto* block : blocks)
      if (files.insert(block->file).second) part.replaces(block->file, 0, "nginx's configuration of the site");
  }

  Draft& draft_;
  const Found& found_;
  std::set<std::string> seen_; // folders
  std::set<const ServerBlock*> used_;
};

} // namespace

void draft_sites(Draft& draft, const Found& found) {
  SiteDrafts(draft, found).add_all();
}

} // namespace tandem::adopt
