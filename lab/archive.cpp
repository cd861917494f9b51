#include "lab/archive.hpp"

#include "base/text.hpp"
#include "lab/packages.hpp"
#include "lab/tools.hpp"
#include "system/files.hpp"

#include <filesystem>
#include <set>

namespace tandem::lab {

namespace fs = std::filesystem;

namespace {

// apt with a state of its own, in which no package is installed: so it fetches every dependency.
class Apt {
public:
  Apt(Tools& tools, const std::string& folder) : tools_(tools), folder_(folder) {}

  Result<system::Outcome> run(std::vector<std::string> words, const system::LineSink& on_line = {}) {
    std::vector<std::string> arguments{words.front()};
    for (const auto& option :
         {"Dir::Etc::sourcelist=" + work() + "/sources.list", std::string("Dir::Etc::sourceparts=/dev/null"),
          std::string("Dir::Etc::preferencesparts=/dev/null"), "Dir::State=" + work() + "/state",
          "Dir::State::status=" + work() + "/status", "Dir::Cache=" + work() + "/cache",
          "Dir::Cache::archives=" + folder_ + "/", std::string("APT::Install-Recommends=false"),
          std::string("APT::Sandbox::User=root"), std::string("Acquire::Languages=none"),
          std::string("Acquire::Check-Valid-Until=false")})
      arguments.insert(arguments.end(), {"-o", option});
    arguments.insert(arguments.end(), words.begin() + 1, words.end());
    return system::run_checked(tools_, {.arguments = arguments, .time_limit = std::chrono::minutes(20)}, on_line);
  }

  [[nodiscard]] std::string work() const { return folder_ + "/.apt"; }

private:
  Tools& tools_;
  std::string folder_;
};

Result<void> make_state(const Apt& apt, const std::vector<std::string>& sources) {
  std::error_code error;
  for (const char* part : {"/state/lists/partial", "/cache", "/../partial"})
    fs::create_directories(apt.work() + part, error);
  if (error) return failed("cannot make " + apt.work() + ": " + error.message());
  system::LinuxFiles files;
  TANDEM_CHECK(files.write(apt.work() + "/status", "", 0644, {}));
  return files.write(apt.work() + "/sources.list", join(sources, "\n") + "\n", 0644, {});
}

// The wanted names as this release has them.
Result<std::vector<std::string>> names_in_release(Apt& apt, const Progress& progress) {
  // Only the last MiB of a program's output is kept, and there are more names than that: look at each as it comes.
  std::set<std::string, std::less<>> wanted(archive_packages.begin(), archive_packages.end());
  wanted.insert(bare_packages.begin(), bare_packages.end());
  std::set<std::string, std::less<>> known;
  TANDEM_CHECK(apt.run({"apt-cache", "pkgnames"}, [&](std::string_view name) {
    if (wanted.contains(name) || (name.ends_with("t64") && wanted.contains(name.substr(0, name.size() - 3))))
      known.emplace(name);
  }));
  std::vector<std::string> names;
  for (const auto& name : wanted)
    if (known.contains(name))
      names.push_back(name);
    else if (known.contains(name + "t64"))
      names.push_back(name + "t64");
    else
      progress("  this release has no package " + name + "; it is left out of the archive");
  return names;
}

} // namespace

std::string archive_recipe() {
  return "recipe 1\n" + join(archive_packages, " ") + "\n" + join(bare_packages, " ");
}

Result<void> build_archive(const std::string& folder, const std::vector<std::string>& sources,
                           const Progress& progress) {
  Tools tools;
  Apt apt(tools, folder);
  TANDEM_CHECK(make_state(apt, sources));
  progress("  reading the package lists...");
  TANDEM_CHECK(apt.run({"apt-get", "-q", "update"}));
  TANDEM_TRY(const auto names, names_in_release(apt, progress));
  progress("  downloading packages...");
  std::vector<std::string> install{"apt-get", "-q", "-y", "--download-only", "install"};
  install.insert(install.end(), names.begin(), names.end());
  TANDEM_CHECK(apt.run(std::move(install)));
  system::LinuxFiles files;
  for (const char* rest : {"/.apt", "/partial", "/lock"})
    TANDEM_CHECK(files.remove_tree(folder + rest));
  progress("  indexing packages...");
  TANDEM_CHECK(system::run_checked(tools, {.arguments = {"sh", "-ec", R"(apt-ftparchive packages . > Packages
                                                                  gzip -k Packages
                                                                  release=$(apt-ftparchive release .)
                                                                  printf '%s\n' "$release" > Release
                                                                  chmod -R a+rX .)"},
                                           .folder = folder}));
  return {};
}

} // namespace tandem::lab
