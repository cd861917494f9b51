#include "sites/mirror.hpp"

#include "base/text.hpp"
#include "converge/ledger.hpp"
#include "sites/folders.hpp"

#include <array>

namespace tandem::sites {

namespace {

constexpr auto fetch_limit = std::chrono::minutes(5);
constexpr auto* protocols = "git:http:https:ssh";
constexpr std::size_t most_trees = 100; // a submodule may name itself
const std::vector<std::string> everything{"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"};

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A name that git could take for an option or for an expression about commits is none of ours.
bool is_plain_name(std::string_view text) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+#-";
  return !text.empty() && text[0] != '-' && text.find_first_not_of(letters) == std::string_view::npos &&
         text.find("..") == std::string_view::npos;
}

// What git says about a mirror that a crash left half-written or locked.
bool tells_of_damage(const std::string& message) {
  constexpr std::array<std::string_view, 6> signs{".lock'",  "corrupt",       "bad object", "not a git repository",
                                                  "inflate", "unable to read"};
  return std::ranges::any_of(signs, [&](auto sign) { return message.find(sign) != std::string::npos; });
}

// What git and ssh say where the other machine cannot be reached just now; it may be there again in a minute.
bool tells_of_the_network(const std::string& message) {
  constexpr std::array<std::string_view, 8> signs{
      "Could not resolve host", "Connection refused",   "Connection timed out", "Connection reset",
      "Network is unreachable", "Connection closed by", "No route to host",     "early EOF"};
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
  return git_in(layout_.mirror(site.domain), std::move(arguments), std::move(environment));
}

Result<std::string> Mirror::git_in(const std::string& git_folder, std::vector<std::string> arguments,
                                   std::map<std::string, std::string> environment, const system::LineSink& on_line) {
  arguments.insert(arguments.begin(), {"git", "--git-dir=" + git_folder});
  environment["GIT_TERMINAL_PROMPT"] = "0";
  environment.try_emplace("GIT_ALLOW_PROTOCOL", std::string("file:") + protocols);
  TANDEM_TRY(
      auto outcome,
      run_checked(processes_,
                  {.arguments = std::move(arguments), .environment = std::move(environment), .time_limit = fetch_limit},
                  on_line));
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

// What a repository on another machine names is never looked for on this one.
Result<void> Mirror::fetch_into(const model::Site& site, const std::string& git_folder, const std::string& address,
                                std::vector<std::string> what) {
  TANDEM_TRY(auto environment, git_environment(site));
  environment["GIT_ALLOW_PROTOCOL"] = (is_local_repository(site.repo) ? "file:" : "") + std::string(protocols);
  TANDEM_CHECK(files_.make_folder(git_folder, 0700, root));
  TANDEM_CHECK(git_in(git_folder, {"init", "--quiet", "--bare"}));
  std::vector<std::string> arguments{"fetch", "--quiet", "--prune", "--force", "--no-write-fetch-head"};
  // A repository on this machine may belong to anybody; the operator named it.
  if (is_local_repository(address)) arguments.emplace_back("--upload-pack=git -c safe.directory='*' upload-pack");
  arguments.insert(arguments.end(), {"--", address});
  arguments.insert(arguments.end(), what.begin(), what.end());
  TANDEM_CHECK(git_in(git_folder, std::move(arguments), std::move(environment)));
  return {};
}

Result<void> Mirror::fetch_once(const model::Site& site) {
  return fetch_into(site, layout_.mirror(site.domain), site.repo, everything);
}

Result<void> Mirror::fetch(const model::Site& site) {
  auto fetched = fetch_once(site);
  if (!fetched && tells_of_damage(fetched.error().message)) {
    TANDEM_CHECK(files_.remove_tree(layout_.mirror(site.domain)));
    fetched = fetch_once(site);
  }
  if (fetched) return {};
  auto error = std::move(fetched).error();
  if (tells_of_the_network(error.message)) error.kind = ErrorKind::unavailable;
  return std::unexpected(std::move(error).within("fetching " + site.repo));
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

Result<void> Mirror::fetch_submodule(const model::Site& site, const Tree& tree, const Progress& progress) {
  const auto has_it = [&] {
    return git_in(tree.git_folder, {"rev-parse", "--verify", "--quiet", tree.hash + "^{commit}"}).has_value();
  };
  TANDEM_TRY(const auto there, files_.status(tree.git_folder));
  if (there && has_it()) return {};
  const auto what = "submodule " + tree.prefix + " from " + tree.address;
  if (progress) progress("fetching " + what);
  auto fetched = fetch_into(site, tree.git_folder, tree.address, everything);
  if (!fetched && tells_of_damage(fetched.error().message)) {
    TANDEM_CHECK(files_.remove_tree(tree.git_folder));
    fetched = fetch_into(site, tree.git_folder, tree.address, everything);
  }
  // A commit that no branch leads to any more is to be had by its name, where the server lets it be.
  if (fetched && !has_it()) fetched = fetch_into(site, tree.git_folder, tree.address, {tree.hash});
  if (!fetched) return std::unexpected(std::move(fetched).error().within("fetching " + what));
  return {};
}

Result<Mirror::Tree> Mirror::submodule_tree(const model::Site& site, const Tree& parent, const Submodule& submodule,
                                            const std::map<std::string, std::string>& addresses,
                                            const Progress& progress) {
  const auto path = parent.prefix + submodule.path;
  if (!stays_inside(submodule.path)) return fail(ErrorKind::refused, "a submodule lies outside: " + path);
  const auto named = addresses.find(submodule.path);
  if (named == addresses.end())
    return fail(ErrorKind::invalid, "there is a submodule " + path + ", but no .gitmodules says where it comes from",
                "Add it, or take the folder out of the repository");
  TANDEM_TRY(const auto address, submodule_address(parent.address, named->second));
  const auto folder = layout_.mirror(site.domain) + "/modules";
  TANDEM_CHECK(files_.make_folder(folder, 0700, root));
  const Tree tree{.git_folder = folder + "/" + converge::content_hash(address).substr(0, 16),
                  .address = address,
                  .hash = submodule.hash,
                  .prefix = path + "/"};
  TANDEM_CHECK(fetch_submodule(site, tree, progress));
  return tree;
}

Result<std::vector<Mirror::Tree>> Mirror::trees(const model::Site& site, const std::string& hash,
                                                const Progress& progress) {
  std::vector<Tree> all{{layout_.mirror(site.domain), site.repo, hash, ""}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Tree tree = all[i];
    std::vector<Submodule>
        submodules; // looked for line by line: a listing may be longer than what is kept of an output
    TANDEM_CHECK(git_in(tree.git_folder, {"-c", "core.quotePath=false", "ls-tree", "-r", tree.hash}, {},
                        [&](std::string_view line) {
                          if (auto one = submodule_in(line)) submodules.push_back(*std::move(one));
                        }));
    if (submodules.empty()) continue;
    // Without the file there is nothing to find out, and each submodule says so.
    const auto names =
        git_in(tree.git_folder, {"config", "--no-includes", "--blob=" + tree.hash + ":.gitmodules", "-z", "--list"});
    const auto addresses = submodule_addresses(names ? *names : "");
    for (const auto& submodule : submodules) {
      if (all.size() == most_trees)
        return fail(ErrorKind::refused, fmt::format("{} has {} submodules and more", site.repo, most_trees));
      TANDEM_TRY(auto inner, submodule_tree(site, tree, submodule, addresses, progress));
      all.push_back(std::move(inner));
    }
  }
  return all;
}

Result<void> Mirror::check_out_tree(const Tree& tree, const std::string& folder) {
  // git has made each folder on the way; a link among them would lead root out of the release.
  for (auto end = tree.prefix.find('/'); end != std::string::npos; end = tree.prefix.find('/', end + 1)) {
    const auto part = folder + "/" + tree.prefix.substr(0, end);
    TANDEM_TRY(const auto status, files_.status(part));
    if (!status || status->type != system::FileType::folder)
      return fail(ErrorKind::refused, part + " is no folder, so that a submodule could be put there");
  }
  const auto here = tree.prefix.empty() ? folder : folder + "/" + tree.prefix.substr(0, tree.prefix.size() - 1);
  const auto index = folder + "/.tandem-index";
  TANDEM_CHECK(git_in(
      tree.git_folder,
      {"-c", "core.hooksPath=/dev/null", "--work-tree=" + here, "checkout", "--quiet", "--force", tree.hash, "--", "."},
      {{"GIT_INDEX_FILE", index}}));
  return files_.remove(index);
}

Result<void> Mirror::check_out(const model::Site& site, const std::string& hash, const std::string& folder,
                               const Progress& progress) {
  TANDEM_TRY(const auto all, trees(site, hash, progress));
  for (const auto& tree : all) {
    auto done = check_out_tree(tree, folder);
    if (!done && !tree.prefix.empty() && tells_of_damage(done.error().message)) {
      TANDEM_CHECK(files_.remove_tree(tree.git_folder));
      TANDEM_CHECK(fetch_submodule(site, tree, progress));
      done = check_out_tree(tree, folder);
    }
    if (!done) return done;
  }
  return {};
}

Result<std::vector<std::string>> Mirror::migrations(const model::Site& site, const std::string& hash) {
  TANDEM_TRY(const auto all, trees(site, hash));
  std::vector<std::string> paths;
  for (const auto& tree : all) {
    TANDEM_CHECK(git_in(tree.git_folder, {"-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", tree.hash}, {},
                        [&](std::string_view line) {
                          if (is_migration(std::string(line))) paths.push_back(tree.prefix + std::string(line));
                        }));
  }
  std::ranges::sort(paths);
  return paths;
}

Result<std::string> Mirror::file(const model::Site& site, const std::string& hash, const std::string& path) {
  TANDEM_TRY(const auto all, trees(site, hash));
  const Tree* holder = &all.front();
  for (const auto& tree : all)
    if (path.starts_with(tree.prefix)) holder = &tree; // one within another comes later
  return git_in(holder->git_folder, {"cat-file", "blob", holder->hash + ":" + path.substr(holder->prefix.size())});
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
