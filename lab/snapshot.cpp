// Snapshots: a host's overlay and its /www, copied as they are (a reflink where the file system has them).
#include "lab/base.hpp"
#include "lab/lab.hpp"
#include "lab/lock.hpp"
#include "system/files.hpp"

#include <algorithm>
#include <filesystem>

namespace tandem::lab {

namespace fs = std::filesystem;

namespace {

constexpr std::array<const char*, 2> kept{"upper", "www"};

Result<void> copy_tree(system::Processes& processes, const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_directories(fs::path(to).parent_path(), error);
  TANDEM_CHECK(system::run_checked(
      processes, {.arguments = {"cp", "-a", "--reflink=auto", "-T", from, to}, .time_limit = std::chrono::hours(1)}));
  return {};
}

} // namespace

Result<void> Lab::snapshot(const std::string& name, const Progress& progress) {
  TANDEM_CHECK(Names::of(name)); // the same rule as for a lab
  const auto lock = Lock::take(names_.lock_file(), std::chrono::seconds(0));
  if (!lock) return std::unexpected(lock.error());
  progress("stopping the hosts");
  TANDEM_CHECK(stop_all());
  progress("copying their files");
  const auto partial = names_.snapshot("." + name);
  system::LinuxFiles files;
  TANDEM_CHECK(files.remove_tree(partial));
  for (const auto& host : hosts)
    for (const auto* part : kept)
      TANDEM_CHECK(copy_tree(*tools_, names_.host_folder(host.name) + "/" + part,
                             partial + "/" + std::string(host.name) + "/" + part));
  TANDEM_CHECK(files.remove_tree(names_.snapshot(name))); // an older one of this name
  TANDEM_CHECK(files.rename(partial, names_.snapshot(name)));
  return boot_all(progress);
}

Result<void> Lab::restore(const std::string& name, const Progress& progress) {
  TANDEM_CHECK(Names::of(name));
  const auto lock = Lock::take(names_.lock_file(), std::chrono::seconds(0));
  if (!lock) return std::unexpected(lock.error());
  if (!fs::exists(names_.snapshot(name)))
    return fail(ErrorKind::not_found, "lab " + names_.lab() + " has no snapshot " + name,
                "`tandem-lab status` lists those there are.");
  progress("cutting the hosts off");
  for (const auto& host : hosts)
    TANDEM_CHECK(cut(std::string(host.name))); // what they have is thrown away
  progress("putting their files back");
  system::LinuxFiles files;
  for (const auto& host : hosts) {
    const auto folder = names_.host_folder(host.name);
    TANDEM_CHECK(files.remove_tree(folder + "/work")); // the overlay's own notes about the old files
    TANDEM_CHECK(files.make_folder(folder + "/work", 0755, {}));
    for (const auto* part : kept) {
      TANDEM_CHECK(files.remove_tree(folder + "/" + part));
      TANDEM_CHECK(
          copy_tree(*tools_, names_.snapshot(name) + "/" + std::string(host.name) + "/" + part, folder + "/" + part));
    }
  }
  return boot_all(progress);
}

std::vector<std::string> Lab::snapshots() const {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(names_.snapshot(""), error))
    if (const auto name = entry.path().filename().string(); !name.starts_with(".")) found.push_back(name);
  std::ranges::sort(found);
  return found;
}

} // namespace tandem::lab
