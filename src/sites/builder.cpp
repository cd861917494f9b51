#include "sites/builder.hpp"

#include "base/text.hpp"
#include "sites/folders.hpp"
#include "sites/uwsgi.hpp"

namespace tandem::sites {

namespace {

constexpr std::uint32_t owners_mode = 02750; // set-group-id: what is made below belongs to www-data as well
constexpr auto step_limit = std::chrono::hours(2);
constexpr std::size_t longest_socket_path = 107;

std::string folder_of(const std::string& path) {
  return path.substr(0, path.find_last_of('/'));
}

// "made by git so that a folder exists", in repositories that keep an empty one.
bool is_placeholder(const std::string& name) {
  return name == ".gitkeep" || name == ".gitignore" || name == ".keep";
}

// PostgreSQL's words in English, or the name that psycopg gives SQLSTATE 55P03 (lock_not_available) in any language.
bool got_no_lock(const std::string& message) {
  return message.find("due to lock timeout") != std::string::npos ||
         message.find("LockNotAvailable") != std::string::npos;
}

} // namespace

Builder::Builder(Tools tools)
    : tools_(std::move(tools)), shelf_(tools_), mirror_(tools_.ports.files, tools_.ports.processes, tools_.layout),
      virtualenvs_(tools_.ports.files, tools_.ports.processes, tools_.layout) {}

Result<Release> Builder::prepare(const model::Site& site, const std::string& wanted, const Progress& progress,
                                 const std::function<void(const Release&)>& chosen) {
  TANDEM_CHECK(check_uwsgi_settings(site));
  TANDEM_TRY(const auto accounts, tools_.ports.accounts.read());
  TANDEM_TRY(const auto owner, site_ownership(accounts, site));
  TANDEM_CHECK(make_folders(site, accounts, owner));
  TANDEM_TRY(const auto holdings, shelf_.look(site.domain));
  for (const auto& id : holdings.unfinished)
    if (id != holdings.current) TANDEM_CHECK(shelf_.remove_release(site.domain, id));

  progress("fetching " + site.repo);
  TANDEM_CHECK(mirror_.fetch(site));
  TANDEM_TRY(const auto commit, mirror_.resolve(site, wanted));
  TANDEM_TRY(auto release, new_release(site, commit));
  if (chosen) chosen(release);
  progress("building release " + release.id);
  if (auto filled = fill(site, release, owner, progress); !filled) {
    // The reason of the failure matters more than what the tidying says.
    [[maybe_unused]] const auto tidied = shelf_.remove_release(site.domain, release.id);
    return std::unexpected(std::move(filled).error());
  }
  return release;
}

Result<void> Builder::make_folders(const model::Site& site, const system::AccountTable& accounts,
                                   system::Ownership owner) {
  const auto& layout = tools_.layout;
  const auto folder = layout.site_folder(site.domain);
  if (layout.socket(site.domain, release_id({}, "0000000")).size() > longest_socket_path)
    return fail(ErrorKind::invalid, site.domain + " is too long a name for a unix socket's path");
  auto& files = tools_.ports.files;
  TANDEM_CHECK(files.make_folder(layout.www, 0755, root));
  for (const auto& path : {folder_of(folder), folder, folder + "/shared"})
    TANDEM_CHECK(ensure_folder(files, path, 0755, root));
  TANDEM_CHECK(ensure_folder(files, folder + "/envs", owners_mode, owner));
  for (const auto& path : {layout.state, layout.state + "/sites", layout.state_folder(site.domain)})
    TANDEM_CHECK(files.make_folder(path, 0700, root));
  return make_shared(site, accounts, owner);
}

Result<void> Builder::make_shared(const model::Site& site, const system::AccountTable& accounts,
                                  system::Ownership owner) {
  for (const auto& folder : site.folders) {
    auto its_owner = owner;
    const auto* user = folder.owner ? accounts.user(*folder.owner) : nullptr;
    const auto* group = folder.group ? accounts.group(*folder.group) : nullptr;
    if (folder.owner && user == nullptr) return fail(ErrorKind::not_found, "there is no user " + *folder.owner);
    if (folder.group && group == nullptr) return fail(ErrorKind::not_found, "there is no group " + *folder.group);
    if (user != nullptr) its_owner.uid = user->uid;
    if (group != nullptr) its_owner.gid = group->gid;
    // Somebody else's folder is written by the site through its group.
    const std::uint32_t mode = its_owner.uid == owner.uid ? owners_mode : 02770;
    TANDEM_CHECK(ensure_folder(tools_.ports.files, tools_.layout.shared(site.domain, folder.name), mode, its_owner));
  }
  return {};
}

// A new id, later than any that is there.
Result<Release> Builder::new_release(const model::Site& site, const Commit& commit) {
  auto now = tools_.ports.clock.wall_time();
  for (;;) {
    const auto id = release_id(now, commit.hash);
    TANDEM_TRY(const auto taken, tools_.ports.files.status(tools_.layout.release(site.domain, id)));
    if (!taken)
      return Release{.id = id,
                     .commit = commit.hash,
                     .branch = commit.branch,
                     .created = std::chrono::system_clock::to_time_t(now),
                     .environment = {},
                     .steps = site.deploy_steps,
                     .migrations = {}};
    now += std::chrono::seconds(1);
  }
}

Result<void> Builder::fill(const model::Site& site, Release& release, system::Ownership owner,
                           const Progress& progress) {
  auto& files = tools_.ports.files;
  const auto folder = tools_.layout.release(site.domain, release.id);
  TANDEM_CHECK(files.make_folder(folder, 0700, root));
  TANDEM_CHECK(mirror_.check_out(site, release.commit, folder, progress));
  TANDEM_TRY(release.migrations, mirror_.migrations(site, release.commit));
  TANDEM_TRY(release.environment, virtualenvs_.key_for(site, folder, release.commit));
  TANDEM_CHECK(link_kept(site, folder));
  TANDEM_CHECK(make_way(folder + "/env", "env"));
  TANDEM_CHECK(files.make_link(folder + "/env", "../envs/" + release.environment));
  // Until here the folder is root's alone, so nobody could lead root elsewhere by a link.
  TANDEM_CHECK(run_checked(
      tools_.ports.processes,
      {.arguments = {"chown", "--recursive", "--no-dereference", fmt::format("{}:{}", owner.uid, owner.gid), folder}}));
  TANDEM_CHECK(files.set_mode(folder, owners_mode));
  TANDEM_TRY(const bool whole, virtualenvs_.complete(site.domain, release.environment));
  if (!whole) progress("building environment " + release.environment);
  return virtualenvs_.ensure(site, release.environment, folder,
                             [&](std::string_view line) { progress(std::string(line)); });
}

Result<void> Builder::link_kept(const model::Site& site, const std::string& folder) {
  for (const auto& kept : site.folders) {
    const auto path = folder + "/" + kept.name;
    TANDEM_CHECK(make_way(path, kept.name));
    TANDEM_CHECK(tools_.ports.files.make_link(path, "../shared/" + kept.name));
  }
  return {};
}

// A folder in git that only holds the place of a kept one is taken away; one with content is the operator's to decide.
Result<void> Builder::make_way(const std::string& path, const std::string& name) {
  auto& files = tools_.ports.files;
  TANDEM_TRY(const auto status, files.status(path));
  if (!status) return {};
  if (status->type != system::FileType::folder) return files.remove(path);
  TANDEM_TRY(const auto names, files.list(path));
  if (std::ranges::all_of(names, is_placeholder)) return files.remove_tree(path);
  return fail(ErrorKind::refused,
              fmt::format("the repository has a folder {} of its own, with {} in it, where the kept one belongs", name,
                          names.size() == 1 ? names[0] : fmt::format("{} entries", names.size())),
              "Remove it from the repository, or take it out of the site's `folders`.");
}

Result<void> Builder::run(const model::Site& site, const Release& release, const std::vector<std::string>& commands,
                          const Progress& progress) {
  TANDEM_TRY(const auto environment, load_environment(tools_.ports.files, tools_.layout, site, release));
  for (const auto& command : commands)
    TANDEM_CHECK(run_one(site, release, environment, command, {}, progress));
  return {};
}

// Between two attempts the queue behind the lock drains while the step's program starts anew.
Result<void> Builder::run_deploy_steps(const model::Site& site, const Release& release,
                                       const std::vector<system::View>& views, const Progress& progress) {
  TANDEM_TRY(auto environment, load_environment(tools_.ports.files, tools_.layout, site, release));
  environment.variables.try_emplace("PGOPTIONS", fmt::format("-c lock_timeout={}s", lock_timeout.count()));
  for (const auto& command : site.deploy_steps)
    for (int attempt = 1;; ++attempt) {
      auto ran = run_one(site, release, environment, command, views, progress);
      if (ran) break;
      if (!got_no_lock(ran.error().message)) return ran;
      if (attempt == lock_attempts) {
        ran.error().hint = fmt::format("Somebody held what it had to change all {} times for {} s and more: look for "
                                       "long transactions in pg_stat_activity, then deploy again",
                                       lock_attempts, lock_timeout.count());
        return ran;
      }
      progress(fmt::format("  it got no lock within {} s; once more", lock_timeout.count()));
    }
  return {};
}

Result<void> Builder::run_one(const model::Site& site, const Release& release, const Environment& environment,
                              const std::string& command, const std::vector<system::View>& views,
                              const Progress& progress) {
  TANDEM_TRY(auto arguments, split_command(command));
  progress(command);
  // Programs are looked up in our own PATH, so the virtualenv's are named in full.
  const auto own = environment.variables.at("VIRTUAL_ENV") + "/bin/" + arguments[0];
  if (arguments[0].find('/') == std::string::npos) {
    TANDEM_TRY(const auto found, tools_.ports.files.status(own));
    if (found) arguments[0] = own;
  }
  auto ran = run_checked(tools_.ports.processes,
                         {.arguments = std::move(arguments),
                          .environment = environment.variables,
                          .folder = tools_.layout.release(site.domain, release.id),
                          .user = site.owner,
                          .views = views,
                          .time_limit = step_limit},
                         [&](std::string_view line) { progress("  " + environment.redact(line)); });
  if (ran) return {};
  return fail(ran.error().kind, environment.redact("\"" + command + "\" failed: " + ran.error().message),
              ran.error().hint);
}

} // namespace tandem::sites
