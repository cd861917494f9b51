#include "lab/base.hpp"

#include "base/text.hpp"
#include "lab/archive.hpp"
#include "lab/lock.hpp"
#include "lab/packages.hpp"
#include "lab/root.hpp"
#include "lab/sources.hpp"
#include "lab/tools.hpp"
#include "lab/wheels.hpp"
#include "system/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace tandem::lab {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view unfinished = ".unfinished";

std::string lab_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return std::string(cache) + "/tandem/lab";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr && *home == '/' ? home : "/root") + "/.cache/tandem/lab";
}

// FNV-1a: the same on every machine and in every build, which std::hash does not promise.
std::string fingerprint(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const unsigned char c : text)
    hash = (hash ^ c) * 0x100000001b3U;
  return fmt::format("{:016x}", hash).substr(0, 12);
}

std::string path_of(const std::string& release, const char* part, const std::string& recipe) {
  return cache_folder(release) + "/" + part + "-" + fingerprint(release + "\n" + recipe);
}

// A power cut after the rename must not leave a good name on half the files.
Result<void> flush(const std::string& folder) {
  const system::Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::syncfs(opened.get()) != 0) return system::system_error("flushing " + folder);
  return {};
}

using Build = std::function<Result<void>(const std::string& folder)>;

Result<void> build_once(const std::string& path, const std::string& what, const Build& build,
                        const Progress& progress) {
  if (fs::exists(path)) return {};
  const auto partial = path + std::string(unfinished);
  system::LinuxFiles files;
  TANDEM_CHECK(files.remove_tree(partial));
  progress("building " + what + " (once; it is kept in " + fs::path(path).parent_path().string() + ")");
  if (auto built = build(partial); !built) {
    static_cast<void>(files.remove_tree(partial));
    return std::unexpected(std::move(built).error().within("building " + what));
  }
  TANDEM_CHECK(flush(partial));
  return files.rename(partial, path);
}

} // namespace

std::string cache_folder(const std::string& release) {
  return lab_cache() + "/" + release;
}

std::string wheels_folder(const std::string& release) {
  return lab_cache() + "/wheels/" + release;
}

namespace {

Base base_of(const std::string& release) {
  return {path_of(release, "bare", root_recipe(bare_packages, {})),
          path_of(release, "outside", root_recipe(outside_packages, outside_steps)),
          path_of(release, "archive", archive_recipe())};
}

bool complete(const Base& base) {
  return fs::exists(base.bare_root) && fs::exists(base.outside_root) && fs::exists(base.archive);
}

Result<Lock> lock_cache(const std::string& release, const Progress& progress) {
  std::error_code error;
  fs::create_directories(cache_folder(release), error);
  if (error) return failed("cannot make " + cache_folder(release) + ": " + error.message());
  const auto file = cache_folder(release) + "/lock";
  if (auto lock = Lock::take(file, std::chrono::seconds(0))) return lock;
  progress("waiting for another tandem-lab that is building the " + release + " base");
  return Lock::take(file, std::chrono::minutes(30));
}

Result<void> build_missing(const Base& base, const std::string& release, const Progress& progress) {
  TANDEM_TRY(const auto lock, lock_cache(release, progress));
  TANDEM_TRY(const auto sources, read_debian_sources(release));
  const auto build_bare = [&](const std::string& folder) {
    return build_root(folder, release, sources, bare_packages, {}, progress);
  };
  const auto build_outside = [&](const std::string& folder) {
    auto packages = bare_packages;
    packages.insert(packages.end(), outside_packages.begin(), outside_packages.end());
    return build_root(folder, release, sources, packages, outside_steps, progress);
  };
  const auto build_debs = [&](const std::string& folder) { return build_archive(folder, sources, progress); };
  TANDEM_CHECK(build_once(base.bare_root, "a bare " + release + " server", build_bare, progress));
  TANDEM_CHECK(build_once(base.outside_root, "the outside world's " + release + " server", build_outside, progress));
  return build_once(base.archive, "the " + release + " package archive", build_debs, progress);
}

// prepare_wheels() works in folders named .RELEASE.PID and removes them itself unless it is killed.
void remove_wheels_of_dead(const std::string& folder) {
  system::LinuxFiles files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto parts = split(entry.path().filename().string(), '.');
    if (parts.size() >= 3 && parts[0].empty() && to_number(parts[2]) && !fs::exists("/proc/" + parts[2]))
      static_cast<void>(files.remove_tree(entry.path().string()));
  }
}

} // namespace

bool has_base(const std::string& release) {
  return complete(base_of(release));
}

Result<Base> prepare_base(const std::string& release, const Progress& progress) {
  if (release != "bookworm" && release != "trixie")
    return fail(ErrorKind::invalid, "the lab has no Debian release \"" + release + "\"", "Take bookworm or trixie.");
  const auto base = base_of(release);
  if (!complete(base)) TANDEM_CHECK(build_missing(base, release, progress));
  Tools tools;
  TANDEM_CHECK(
      prepare_wheels(tools, release, cache_folder(release) + "/wheel-packages", lab_cache() + "/wheels", progress));
  return base;
}

void remove_unfinished_builds() {
  system::LinuxFiles files;
  std::error_code error;
  remove_wheels_of_dead(lab_cache() + "/wheels");
  for (const auto* release : {"bookworm", "trixie"}) {
    remove_wheels_of_dead(cache_folder(release) + "/wheel-packages");
    if (!fs::exists(cache_folder(release))) continue;
    const auto lock = Lock::take(cache_folder(release) + "/lock", std::chrono::seconds(0));
    if (!lock) continue;
    for (const auto& part : fs::directory_iterator(cache_folder(release), error))
      if (part.path().string().ends_with(unfinished)) static_cast<void>(files.remove_tree(part.path().string()));
  }
}

} // namespace tandem::lab
