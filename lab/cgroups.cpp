#include "lab/cgroups.hpp"

#include "base/text.hpp"
#include "lab/wait.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace tandem::lab {

namespace fs = std::filesystem;

namespace {

std::string read_file(const std::string& path) {
  std::ifstream stream(path);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream stream(path);
  stream << text << std::flush;
  if (!stream) return failed("cannot write \"" + text + "\" to " + path);
  return {};
}

// Mount points of the unified hierarchy and of systemd's own version 1 hierarchy, in this order.
std::vector<std::string> hierarchies() {
  std::vector<std::string> unified, systemd;
  for (const auto& line : lines_of(read_file("/proc/self/mounts"))) {
    const auto fields = split(line, ' ');
    if (fields.size() < 4) continue;
    if (fields[2] == "cgroup2" && unified.empty()) unified.push_back(fields[1]);
    if (fields[2] == "cgroup" && fields[3].find("name=systemd") != std::string::npos && systemd.empty())
      systemd.push_back(fields[1]);
  }
  if (unified.empty()) return {};
  unified.insert(unified.end(), systemd.begin(), systemd.end());
  return unified;
}

std::vector<std::string> groups_below(const std::string& folder) {
  std::vector<std::string> found{folder};
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->is_directory(error) && !entry->is_symlink(error)) found.push_back(entry->path().string());
  return found; // parents before children
}

} // namespace

Result<Cgroup> Cgroup::at(const std::string& path) {
  Cgroup group;
  for (const auto& root : hierarchies())
    group.folders_.push_back(root + "/" + path);
  if (group.folders_.empty())
    return failed("this machine has no unified control group hierarchy (cgroup2) mounted",
                  "Mount it: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
  return group;
}

Result<void> Cgroup::make() const {
  for (const auto& folder : folders_) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return failed("cannot make the control group " + folder + ": " + error.message());
  }
  return {};
}

bool Cgroup::exists() const {
  std::error_code error;
  return fs::exists(folders_.front(), error);
}

std::vector<std::string> Cgroup::join_files() const {
  std::vector<std::string> files;
  for (const auto& folder : folders_)
    files.push_back(folder + "/cgroup.procs");
  return files;
}

std::vector<pid_t> Cgroup::processes() const {
  std::vector<pid_t> pids;
  for (const auto& group : groups_below(folders_.front()))
    for (const auto& line : lines_of(read_file(group + "/cgroup.procs")))
      if (const auto pid = to_number(line); pid && *pid > 0) pids.push_back(static_cast<pid_t>(*pid));
  return pids;
}

Result<void> Cgroup::set_frozen(bool frozen) const {
  TANDEM_CHECK(write_file(folders_.front() + "/cgroup.freeze", frozen ? "1" : "0"));
  const std::string wanted = frozen ? "frozen 1" : "frozen 0";
  const auto reached = [&] { return read_file(folders_.front() + "/cgroup.events").find(wanted) != std::string::npos; };
  if (!wait_until(reached, std::chrono::seconds(10)))
    return failed("the processes of " + folders_.front() + (frozen ? " do not freeze" : " do not thaw"));
  return {};
}

bool Cgroup::frozen() const {
  return read_file(folders_.front() + "/cgroup.freeze").starts_with("1");
}

Result<void> Cgroup::kill() const {
  if (!exists()) return {};
  TANDEM_CHECK(write_file(folders_.front() + "/cgroup.kill", "1"));
  const auto empty = [&] {
    return read_file(folders_.front() + "/cgroup.events").find("populated 0") != std::string::npos;
  };
  if (!wait_until(empty, std::chrono::seconds(20))) return failed("the processes of " + folders_.front() + " live on");
  return {};
}

Result<void> Cgroup::remove() const {
  for (const auto& folder : folders_) {
    const auto gone = [&] {
      const auto groups = groups_below(folder);
      std::error_code error;
      for (auto group = groups.rbegin(); group != groups.rend(); ++group)
        fs::remove(*group, error);
      return !fs::exists(folder, error);
    };
    // A group stays busy for a moment after its last process has died.
    if (!wait_until(gone, std::chrono::seconds(10))) return failed("cannot remove the control group " + folder);
  }
  return {};
}

void Cgroup::remove_if_empty() const {
  std::error_code error;
  for (const auto& folder : folders_)
    fs::remove(folder, error);
}

} // namespace tandem::lab
