// A site's repository: fetched into a bare mirror that root owns, checked out from there. git never runs as the site's
// owner, since the deploy key is root's; and the mirror is a cache: a damaged one is made anew.
#pragma once
#include "base/result.hpp"
#include "model/pair.hpp"
#include "sites/layout.hpp"
#include "sites/modules.hpp"
#include "sites/tools.hpp"
#include "system/files.hpp"
#include "system/processes.hpp"

#include <string>
#include <vector>

namespace tandem::sites {

struct Commit {
  std::string hash;   // all 40 digits
  std::string branch; // the branch or tag that was asked for; empty when it was the commit itself
};

class Mirror {
public:
  Mirror(system::Files& files, system::Processes& processes, Layout layout)
      : files_(files), processes_(processes), layout_(std::move(layout)) {}

  // Makes the mirror equal to the site's repository. A host key that is not pinned is refused.
  Result<void> fetch(const model::Site& site);
  // A branch, a tag or a commit (seven digits or more) of the mirror; empty: the site's branch.
  Result<Commit> resolve(const model::Site& site, const std::string& wanted);
  // Puts the commit's files into an existing empty folder, as root, and those of its submodules where they belong.
  // Submodules that are not there yet are fetched, with the site's own deploy key and pinned host keys.
  Result<void> check_out(const model::Site& site, const std::string& hash, const std::string& folder,
                         const Progress& progress);
  // The commit's database migrations and its submodules': Python files in folders called "migrations".
  Result<std::vector<std::string>> migrations(const model::Site& site, const std::string& hash);
  // A file of the commit or of a submodule, by its path; of a symbolic link, what it names.
  Result<std::string> file(const model::Site& site, const std::string& hash, const std::string& path);
  // What `to` has that `from` has not, the newest first, at most `most`: short commits with the first line of what
  // their authors said. An error when the mirror has not both any more.
  Result<std::vector<std::string>> commits(const model::Site& site, const std::string& from, const std::string& to,
                                           std::size_t most);

private:
  // The site's commit, or one of a submodule.
  struct Tree {
    std::string git_folder; // bare
    std::string address;    // that it was fetched from
    std::string hash;
    std::string prefix; // "", or where it lies: "libraries/colours/"
  };

  // The commit with its submodules and theirs, each behind the one that names it; fetched.
  Result<std::vector<Tree>> trees(const model::Site& site, const std::string& hash, const Progress& progress = {});
  Result<Tree> submodule_tree(const model::Site& site, const Tree& parent, const Submodule& submodule,
                              const std::map<std::string, std::string>& addresses, const Progress& progress);
  Result<void> fetch_submodule(const model::Site& site, const Tree& tree, const Progress& progress);
  Result<void> check_out_tree(const Tree& tree, const std::string& folder);
  Result<void> fetch_into(const model::Site& site, const std::string& git_folder, const std::string& address,
                          std::vector<std::string> what);
  Result<std::string> git_in(const std::string& git_folder, std::vector<std::string> arguments,
                             std::map<std::string, std::string> environment = {}, const system::LineSink& on_line = {});
  Result<void> fetch_once(const model::Site& site);
  Result<std::map<std::string, std::string>> git_environment(const model::Site& site);
  Result<std::string> git(const model::Site& site, std::vector<std::string> arguments,
                          std::map<std::string, std::string> environment = {});

  system::Files& files_;
  system::Processes& processes_;
  Layout layout_;
};

// The command that git starts for ssh. Pure.
[[nodiscard]] std::string ssh_command(const model::Site& site, const std::string& known_hosts);

} // namespace tandem::sites
