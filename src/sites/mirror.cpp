#include "sites/mirror.hpp"

#include "base/text.hpp"
#include "sites/folders.hpp"

#include <array>

namespace tandem::sites {

namespace {

constexpr auto fetch_limit = std::chrono::minutes(5);

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A name that git could take for an option or for an expression about commits is none of ours.
bool is_plain_name(std::string_view text) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+#-";
  return !text.empty() && text[0] != '-' && text.find_first_not_of(letters) == std::string_view::npos &&
         text.find("..") == std::string_view::npos;
}

bool is_local(const std::string& repo) {
  return repo.starts_with('/') || repo.starts_with("file://");
}

// What git says about a mirror that a crash left half-written or locked.
bool tells_of_damage(const std::string& message) {
  constexpr std::array<std::string_view, 6> signs{".lock'",  "corrupt",       "bad object", "not a git repository",
                                                  "inflate", "unable to read"};
  return std::ranges::any_of(signs, [&](auto sign) { return message.find(sign) != std::string::npos; });
}

bool is_migration(const std::string& path) {
  return path.ends_with(".py") && !path.ends_with("/__init__.py") &&
         (path.find("/migrations/") != std::string::npos || path.starts_with("migrations/"));
}

} // namespace

std::string ssh_command(const model::Site& site, const std::string& known_hosts) {
  std::string command = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes";
  if (!site.repo_host_keys.empty()) command += " -o UserKnownHostsFile=" + shell_quoted(known_hosts);
  if (site.deploy_key) command += " -o IdentitiesOnly=yes -i " + shell_quoted(site.deploy_key->path);
  return command;
}

Result<std::string> Mirror::git(const model::Site& site, std::vector<std::string> arguments,
                                std::map<std::string, std::string> environment) {
  arguments.insert(arguments.begin(), {"git", "--git-dir=" + layout_.mirror(site.domain)});
  environment["GIT_TERMINAL_PROMPT"] = "0";
  environment["GIT_ALLOW_PROTOCOL"] = "file:git:http:https:ssh";
  TANDEM_TRY(auto outcome, run_checked(processes_, {.arguments = std::move(arguments),
                                                    .environment = std::move(environment),
                                                    .time_limit = fetch_limit}));
  return std::move(outcome.output);
}

Result<std::map<std::string, std::string>> Mirror::git_environment(const model::Site& site) {
  const auto known_hosts = layout_.state_folder(site.domain) + "/known_hosts";
  if (!site.repo_host_keys.empty()) {
    const auto text = join(site.repo_host_keys, "\n") + "\n";
    TANDEM_CHECK(files_.write(known_hosts, text, 0600, root));
  }
  return std::map<std::string, std::string>{{"GIT_SSH_COMMAND", ssh_command(site, known_hosts)}};
}

Result<void> Mirror::fetch_once(const model::Site& site) {
  TANDEM_TRY(auto environment, git_environment(site));
  TANDEM_CHECK(files_.make_folder(layout_.mirror(site.domain), 0700, root));
  TANDEM_CHECK(git(site, {"init", "--quiet", "--bare"}));
  std::vector<std::string> arguments{"fetch", "--quiet", "--prune", "--force", "--no-write-fetch-head"};
  // A repository on this machine may belong to anybody; the operator named it.
  if (is_local(site.repo)) arguments.emplace_back("--upload-pack=git -c safe.directory='*' upload-pack");
  arguments.insert(arguments.end(), {"--", site.repo, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"});
  TANDEM_CHECK(git(site, std::move(arguments), std::move(environment)));
  return {};
}

Result<void> Mirror::fetch(const model::Site& site) {
  auto fetched = fetch_once(site);
  if (!fetched && tells_of_damage(fetched.error().message)) {
    TANDEM_CHECK(files_.remove_tree(layout_.mirror(site.domain)));
    fetched = fetch_once(site);
  }
  if (!fetched) return std::unexpected(std::move(fetched).error().within("fetching " + site.repo));
  return {};
}

Result<Commit> Mirror::resolve(const model::Site& site, const std::string& wanted) {
  const auto& name = wanted.empty() ? site.branch : wanted;
  if (!is_plain_name(name)) return fail(ErrorKind::invalid, name + " is no name of a branch, a tag or a commit");
  const auto look_up = [&](const std::string& expression) -> std::string {
    const auto found = git(site, {"rev-parse", "--verify", "--quiet", expression + "^{commit}"});
    return found ? std::string(trim(*found)) : "";
  };
  for (const std::string prefix : {"refs/heads/", "refs/tags/"})
    if (auto hash = look_up(prefix + name); !hash.empty()) return Commit{std::move(hash), name};
  if (name.size() >= 7 && is_hexadecimal(name))
    if (auto hash = look_up(name); !hash.empty()) return Commit{std::move(hash), ""};
  return fail(ErrorKind::not_found, site.repo + " has no branch, tag or commit " + name,
              "Push it first, or look at the site's `branch`.");
}

Result<void> Mirror::check_out(const model::Site& site, const std::string& hash, const std::string& folder) {
  const auto index = folder + "/.tandem-index";
  TANDEM_CHECK(git(
      site,
      {"-c", "core.hooksPath=/dev/null", "--work-tree=" + folder, "checkout", "--quiet", "--force", hash, "--", "."},
      {{"GIT_INDEX_FILE", index}}));
  return files_.remove(index);
}

Result<std::vector<std::string>> Mirror::migrations(const model::Site& site, const std::string& hash) {
  TANDEM_TRY(const auto listing, git(site, {"ls-tree", "-r", "--name-only", hash}));
  std::vector<std::string> paths;
  for (auto& path : lines_of(listing))
    if (is_migration(path)) paths.push_back(std::move(path));
  std::ranges::sort(paths);
  return paths;
}

Result<std::string> Mirror::file(const model::Site& site, const std::string& hash, const std::string& path) {
  return git(site, {"cat-file", "blob", hash + ":" + path});
}

Result<std::vector<std::string>> Mirror::commits(const model::Site& site, const std::string& from,
                                                 const std::string& to, std::size_t most) {
  TANDEM_TRY(const auto log,
             git(site, {"log", "--format=%h %s", fmt::format("--max-count={}", most), from + ".." + to}));
  auto commits = lines_of(log);
  // A terminal is not steered by what somebody wrote into a commit.
  for (auto& commit : commits)
    std::ranges::replace_if(commit, [](unsigned char letter) { return letter < ' ' || letter == 0x7f; }, '?');
  return commits;
}

} // namespace tandem::sites
