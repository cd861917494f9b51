#include "sites/shelf.hpp"

#include "sites/by_hand.hpp"
#include "sites/folders.hpp"
#include "sites/virtualenv.hpp"

namespace tandem::sites {

namespace {

constexpr std::size_t kept_history = 10;

Result<std::vector<std::string>> list_or_nothing(system::Files& files, const std::string& folder) {
  auto names = files.list(folder);
  if (!names && names.error().kind == ErrorKind::not_found) return std::vector<std::string>{};
  return names;
}

} // namespace

Result<Holdings> Shelf::look(const std::string& domain) {
  auto& files = tools_.ports.files;
  Holdings holdings;
  TANDEM_TRY(const auto names, list_or_nothing(files, tools_.layout.site_folder(domain)));
  for (const auto& name : names) {
    if (!is_release_id(name)) continue;
    if (auto release = find(domain, name))
      holdings.releases.push_back(*std::move(release));
    else if (release.error().kind == ErrorKind::not_found || release.error().kind == ErrorKind::invalid)
      holdings.unfinished.push_back(name);
    else
      return std::unexpected(std::move(release).error());
  }
  TANDEM_TRY(holdings.environments, list_or_nothing(files, tools_.layout.site_folder(domain) + "/envs"));
  TANDEM_TRY(holdings.current, current(domain));
  TANDEM_TRY(holdings.history, read_history(domain));
  return holdings;
}

Result<Release> Shelf::find(const std::string& domain, const std::string& id) {
  const auto path = tools_.layout.manifest(domain, id);
  TANDEM_TRY(const auto text, tools_.ports.files.read(path));
  auto release = release_from(text);
  if (release && release->id != id) return fail(ErrorKind::invalid, path + " describes another release");
  if (!release) return std::unexpected(std::move(release).error().within(path));
  return release;
}

Result<std::optional<std::string>> Shelf::current(const std::string& domain) {
  const auto path = tools_.layout.site_link(domain);
  TANDEM_TRY(const auto status, tools_.ports.files.status(path));
  if (!status) return std::nullopt;
  if (status->type != system::FileType::link) {
    TANDEM_TRY(const auto by_hand, SiteByHand(tools_, domain).serving());
    if (by_hand) return std::nullopt;
    return fail(ErrorKind::refused, path + " is a folder of its own, not a link to a release",
                "It was set up by hand: /usr/share/doc/tandem/operators-guide.md says how it is taken over.");
  }
  const auto id = status->target.substr(status->target.find_last_of('/') + 1);
  if (status->target != tools_.layout.link_target(domain, id) || !is_release_id(id))
    return fail(ErrorKind::refused, path + " leads to " + status->target + ", which is no release of " + domain);
  return id;
}

Result<void> Shelf::finish(const std::string& domain, const Release& release) {
  const auto folder = tools_.layout.release(domain, release.id);
  TANDEM_CHECK(run_checked(tools_.ports.processes, {.arguments = {"sync", "--file-system", folder}}));
  return tools_.ports.files.write(tools_.layout.manifest(domain, release.id), to_text(release), 0644, root);
}

Result<void> Shelf::set_current(const std::string& domain, const std::string& id) {
  TANDEM_TRY(const auto before, current(domain));
  if (before != id) TANDEM_CHECK(SiteByHand(tools_, domain).change_places(tools_.layout.link_target(domain, id)));
  return remember(domain, id);
}

Result<void> Shelf::unset_current(const std::string& domain) {
  TANDEM_TRY(const auto by_hand, SiteByHand(tools_, domain).known());
  if (by_hand) return SiteByHand(tools_, domain).change_back();
  return tools_.ports.files.remove(tools_.layout.site_link(domain));
}

Result<void> Shelf::remember(const std::string& domain, const std::string& id) {
  TANDEM_TRY(auto history, read_history(domain));
  if (!history.empty() && history.front() == id) return {};
  history.insert(history.begin(), id);
  if (history.size() > kept_history) history.resize(kept_history);
  return tools_.ports.files.write(tools_.layout.history(domain), to_text(history), 0644, root);
}

Result<History> Shelf::read_history(const std::string& domain) {
  auto text = tools_.ports.files.read(tools_.layout.history(domain));
  if (!text && text.error().kind == ErrorKind::not_found) return History{};
  if (!text) return std::unexpected(std::move(text).error());
  auto history = history_from(*text);
  if (!history) return std::unexpected(std::move(history).error().within(tools_.layout.history(domain)));
  return history;
}

Result<void> Shelf::remove_release(const std::string& domain, const std::string& id) {
  // The manifest first: cut off here, the rest counts as unfinished and goes next time.
  TANDEM_CHECK(tools_.ports.files.remove(tools_.layout.manifest(domain, id)));
  return tools_.ports.files.remove_tree(tools_.layout.release(domain, id));
}

Result<void> Shelf::clean(const std::string& domain, const Progress& progress) {
  TANDEM_TRY(const auto holdings, look(domain));
  const auto old = leftovers(holdings);
  for (const auto& id : old.releases) {
    progress("removing release " + id);
    TANDEM_CHECK(remove_release(domain, id));
  }
  Virtualenvs virtualenvs(tools_.ports.files, tools_.ports.processes, tools_.layout);
  for (const auto& key : old.environments) {
    progress("removing environment " + key);
    TANDEM_CHECK(virtualenvs.remove(domain, key));
  }
  return {};
}

} // namespace tandem::sites
