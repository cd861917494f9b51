#include "sites/built_folders.hpp"

#include "sites/folders.hpp"

#include <algorithm>

namespace tandem::sites {

namespace {

constexpr auto copy_limit = std::chrono::hours(1);

// Paths below `folder`, relative to it, of everything but folders.
Result<void> names_below(system::Files& files, const std::string& folder, const std::string& prefix,
                         std::set<std::string>& names) {
  TANDEM_TRY(const auto entries, files.list(folder));
  for (const auto& entry : entries) {
    TANDEM_TRY(const auto status, files.status(folder + "/" + entry));
    if (!status) continue;
    const auto name = prefix + entry;
    if (status->type != system::FileType::folder)
      names.insert(name);
    else
      TANDEM_CHECK(names_below(files, folder + "/" + entry, name + "/", names));
  }
  return {};
}

Result<std::set<std::string>> names_of(system::Files& files, const std::string& folder) {
  std::set<std::string> names;
  TANDEM_CHECK(names_below(files, folder, "", names));
  return names;
}

} // namespace

std::vector<std::string> built_folders(const model::Site& site) {
  std::vector<std::string> found;
  for (const auto& [prefix, folder] : site.serve)
    if (prefix.ends_with("/static/") && std::ranges::find(found, folder) == found.end()) found.push_back(folder);
  return found;
}

BuiltFolders::BuiltFolders(const Tools& tools, const model::Site& site) : tools_(tools), site_(site) {
  if (!site.deploy_steps.empty()) folders_ = built_folders(site);
}

Result<void> BuiltFolders::as_owner(std::vector<std::string> arguments, std::string input, std::string folder) {
  TANDEM_CHECK(run_checked(tools_.ports.processes, {.arguments = std::move(arguments),
                                                    .folder = std::move(folder),
                                                    .input = std::move(input),
                                                    .user = site_.owner,
                                                    .time_limit = copy_limit}));
  return {};
}

Result<void> BuiltFolders::copy(const Progress& progress) {
  TANDEM_CHECK(discard());
  if (folders_.empty()) return {};
  for (const auto& part : {tools_.layout.building(site_.domain), tools_.layout.building(site_.domain) + "/copy"})
    TANDEM_CHECK(ensure_folder(tools_.ports.files, part, 0755, root));
  for (const auto& folder : folders_) {
    progress("copying " + folder + ", which the steps may change while visitors read it");
    if (auto copied = copy_one(folder); !copied)
      return fail(copied.error().kind, "copying the site's folder " + folder + ": " + copied.error().message,
                  "Its files must be readable for " + site_.owner + ", and the disk must have room for a second copy.");
  }
  return {};
}

Result<void> BuiltFolders::copy_one(const std::string& folder) {
  auto& files = tools_.ports.files;
  const auto kept = tools_.layout.shared(site_.domain, folder);
  const auto copy = tools_.layout.building_copy(site_.domain, folder);
  TANDEM_TRY(const auto accounts, tools_.ports.accounts.read());
  const auto* owner = accounts.user(site_.owner);
  TANDEM_TRY(const auto status, files.status(kept));
  if (!status || owner == nullptr) return fail(ErrorKind::not_found, "there is no " + kept + " or no " + site_.owner);
  for (const auto& own : {copy, tools_.layout.building_moves(site_.domain)})
    TANDEM_CHECK(ensure_folder(files, own, status->mode, {owner->uid, status->gid}));
  TANDEM_CHECK(as_owner({"rsync", "--archive", "--no-owner", "--no-group", kept + "/", copy + "/"}));
  TANDEM_TRY(before_[folder], names_of(files, copy));
  return {};
}

std::vector<system::View> BuiltFolders::views() const {
  std::vector<system::View> views;
  for (const auto& folder : folders_)
    views.push_back(
        {.shown = tools_.layout.building_copy(site_.domain, folder), .at = tools_.layout.shared(site_.domain, folder)});
  return views;
}

Result<void> BuiltFolders::publish() {
  for (const auto& folder : folders_) {
    const auto copy = tools_.layout.building_copy(site_.domain, folder);
    TANDEM_TRY(const auto after, names_of(tools_.ports.files, copy));
    std::ranges::set_difference(before_[folder], after, std::back_inserter(gone_[folder]));
    TANDEM_CHECK(as_owner({"rsync", "--recursive", "--links", "--perms", "--checksum",
                           "--temp-dir=" + tools_.layout.building_moves(site_.domain), copy + "/",
                           tools_.layout.shared(site_.domain, folder) + "/"}));
  }
  return {};
}

Result<void> BuiltFolders::remove_gone() {
  for (const auto& folder : folders_) {
    std::string list;
    for (const auto& name : gone_[folder])
      (list += name).push_back('\0');
    if (list.empty()) continue;
    TANDEM_CHECK(as_owner({"xargs", "--null", "rm", "--force", "--"}, std::move(list),
                          tools_.layout.shared(site_.domain, folder)));
  }
  return {};
}

Result<void> BuiltFolders::discard() {
  const auto building = tools_.layout.building(site_.domain);
  TANDEM_TRY(const auto status, tools_.ports.files.status(building));
  return status ? tools_.ports.files.remove_tree(building) : Result<void>();
}

} // namespace tandem::sites
