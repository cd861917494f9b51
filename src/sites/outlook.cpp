#include "sites/outlook.hpp"

#include "sites/environment.hpp"
#include "sites/folders.hpp"
#include "sites/shelf.hpp"
#include "sites/uwsgi.hpp"
#include "sites/virtualenv.hpp"

namespace tandem::sites {

namespace {

// Where the mirror and the pinned keys lie, as a deploy makes it.
Result<void> make_place(const Tools& tools, const std::string& domain) {
  const auto& layout = tools.layout;
  auto& files = tools.ports.files;
  const auto folder = layout.site_folder(domain);
  TANDEM_CHECK(files.make_folder(layout.www, 0755, root));
  for (const auto& path : {folder.substr(0, folder.find_last_of('/')), folder})
    TANDEM_CHECK(ensure_folder(files, path, 0755, root));
  for (const auto& path : {layout.state, layout.state + "/sites", layout.state_folder(domain)})
    TANDEM_CHECK(files.make_folder(path, 0700, root));
  return {};
}

void compare_commits(Mirror& mirror, const model::Site& site, Outlook& outlook) {
  const auto& from = outlook.current->commit;
  const auto& to = outlook.commit.hash;
  auto comes = mirror.commits(site, from, to, most_told);
  auto goes = mirror.commits(site, to, from, most_told);
  outlook.related = comes && goes;
  if (!outlook.related) return;
  outlook.comes = *std::move(comes);
  outlook.goes = *std::move(goes);
}

} // namespace

Result<Outlook> look_ahead(const Tools& tools, const model::Site& site, const std::string& wanted,
                           const Progress& progress) {
  auto& files = tools.ports.files;
  TANDEM_CHECK(check_uwsgi_settings(site));
  TANDEM_TRY(const auto accounts, tools.ports.accounts.read());
  TANDEM_CHECK(site_ownership(accounts, site));
  TANDEM_CHECK(make_place(tools, site.domain));
  Mirror mirror(files, tools.ports.processes, tools.layout);
  progress("fetching " + site.repo);
  TANDEM_CHECK(mirror.fetch(site));

  Outlook outlook{.steps = site.deploy_steps};
  TANDEM_TRY(outlook.commit, mirror.resolve(site, wanted));
  const auto& hash = outlook.commit.hash;
  Virtualenvs virtualenvs(files, tools.ports.processes, tools.layout);
  const Virtualenvs::Reader read = [&](const std::string& path) { return mirror.file(site, hash, path); };
  TANDEM_TRY(outlook.environment, virtualenvs.key_for(site, read, hash));
  TANDEM_TRY(const bool whole, virtualenvs.complete(site.domain, outlook.environment));
  outlook.builds_environment = !whole;

  TANDEM_TRY(outlook.migrations, mirror.migrations(site, hash));
  Shelf shelf(tools);
  TANDEM_TRY(const auto current, shelf.current(site.domain));
  if (!current) return outlook;
  TANDEM_TRY(outlook.current, shelf.find(site.domain, *current));
  const auto& known = outlook.current->migrations;
  std::erase_if(outlook.migrations,
                [&](const std::string& path) { return std::ranges::find(known, path) != known.end(); });
  compare_commits(mirror, site, outlook);
  return outlook;
}

} // namespace tandem::sites
