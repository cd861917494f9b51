#include "lab/container.hpp"

#include "base/text.hpp"
#include "lab/tools.hpp"
#include "lab/wait.hpp"
#include "system/files.hpp"

#include <signal.h>

#include <filesystem>

namespace tandem::lab {

namespace fs = std::filesystem;

namespace {

// Runs detached, in order: into the host's control groups first, so that `down` finds it whatever happens next; then
// into the lab's network and a mount namespace of its own. 133 is systemd-nspawn's way to say "reboot me".
// The tmpfs on /run keeps what systemd-nspawn writes there (locks, sockets) from other labs and from the machine.
constexpr const char* start_script = R"sh(
exec >"$1/console.log" 2>&1 </dev/null
for file in $2; do echo 0 >"$file" || exit; done
exec nsenter --net="$3" unshare --mount sh -c '
  folder=$1 root=$2
  shift 2
  mount -t overlay tandem-lab -o "lowerdir=$root,upperdir=$folder/upper,workdir=$folder/work" "$folder/merged" || exit
  mount -t tmpfs tandem-lab /run || exit
  while systemd-nspawn "$@"; [ $? -eq 133 ]; do :; done' sh "$1" "$4" "${@:5}"
)sh";

// Enters the host as one of its processes: frozen and killed with it, with a server's environment and not ours.
constexpr const char* enter_script = R"sh(
echo 0 >"$1" || exit
pid=$2
shift 2
exec nsenter --target "$pid" --mount --uts --ipc --net --pid --cgroup -- env -i \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM:-dumb}" HOME=/root "$@"
)sh";

// runuser keeps root's environment.
constexpr const char* user_script = R"sh(
USER=$(id -un) HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
export USER HOME LOGNAME="$USER"
cd
exec "$@"
)sh";

std::vector<std::string> nspawn_arguments(const Names& names, const Host& host, const Image& image) {
  const auto folder = names.host_folder(host.name);
  std::vector<std::string> arguments{"-q",
                                     "-b",
                                     "-D",
                                     folder + "/merged",
                                     "--register=no",
                                     "--keep-unit",
                                     "--settings=no",
                                     "--link-journal=no",
                                     "--resolv-conf=off",
                                     "--timezone=off",
                                     "--machine=" + std::string(host.name),
                                     "--network-bridge=" + std::string(bridge),
                                     "--bind=" + folder + "/www:/www",
                                     "--bind-ro=" + image.archive + ":/srv/archive"};
  // nspawn's filter forbids them to services, although it leaves the capability that they need.
  for (const char* call : {"fanotify_init", "fanotify_mark", "open_by_handle_at"})
    arguments.push_back(std::string("--system-call-filter=") + call);
  if (fs::exists(image.wheels)) arguments.push_back("--bind-ro=" + image.wheels + ":/srv/wheels");
  return arguments;
}

// Process 1 of a nested pid namespace that has become systemd (nspawn's own child is process 1 there before that).
bool is_leader(pid_t pid) {
  const auto process = "/proc/" + std::to_string(pid);
  std::error_code error;
  if (fs::read_symlink(process + "/exe", error).filename() != "systemd") return false;
  system::LinuxFiles files;
  const auto status = files.read(process + "/status");
  if (!status) return false;
  for (const auto& line : lines_of(*status))
    if (line.starts_with("NSpid:")) return split(line, '\t').size() == 3 && line.ends_with("\t1");
  return false;
}

} // namespace

Result<void> Container::start(const Image& image) {
  TANDEM_TRY(const auto cgroup, Cgroup::at(names_.cgroup(host_.name)));
  TANDEM_CHECK(cgroup.make());
  std::vector<std::string> arguments{"setsid",
                                     "--fork",
                                     "bash",
                                     "-c",
                                     start_script,
                                     "bash",
                                     names_.host_folder(host_.name),
                                     join(cgroup.join_files(), " "),
                                     names_.network_file(),
                                     image.root};
  const auto nspawn = nspawn_arguments(names_, host_, image);
  arguments.insert(arguments.end(), nspawn.begin(), nspawn.end());
  TANDEM_CHECK(system::run_checked(processes_, {.arguments = std::move(arguments)}));
  return {};
}

std::string Container::console_tail() const {
  system::LinuxFiles files;
  const auto text = files.read(names_.host_folder(host_.name) + "/console.log");
  if (!text) return {};
  const auto lines = lines_of(*text);
  std::string tail;
  for (std::size_t i = lines.size() > 8 ? lines.size() - 8 : 0; i < lines.size(); ++i)
    tail += "\n  " + lines[i];
  return tail;
}

Result<void> Container::wait_ready(std::chrono::milliseconds limit) {
  TANDEM_TRY(const auto cgroup, Cgroup::at(names_.cgroup(host_.name)));
  std::string state;
  bool started = false;
  const auto settled = [&] {
    const bool empty = cgroup.processes().empty();
    if (started && empty) return true; // it died
    started = started || !empty;
    const auto command = inside({"systemctl", "is-system-running"}, std::nullopt);
    if (!command) return false;
    const auto answer = processes_.run({.arguments = *command, .time_limit = std::chrono::seconds(10)});
    state = answer ? std::string(trim(answer->output)) : "";
    return state == "running" || state == "degraded" || state == "maintenance";
  };
  const bool in_time = wait_until(settled, limit);
  if (state == "running") return {};
  const auto name = std::string(host_.name);
  if (state == "degraded") {
    const auto command = inside({"systemctl", "--failed", "--no-legend", "--plain"}, std::nullopt);
    const auto units = command ? output_of(processes_, *command) : Result<std::string>("");
    return failed(name + " has booted, but units failed:\n" + units.value_or(""));
  }
  return failed(name + (in_time ? " did not boot" : " is not ready after the limit") +
                "; the end of its console:" + console_tail());
}

std::optional<pid_t> Container::leader() const {
  const auto cgroup = Cgroup::at(names_.cgroup(host_.name));
  if (!cgroup) return std::nullopt;
  for (const auto pid : cgroup->processes())
    if (is_leader(pid)) return pid;
  return std::nullopt;
}

Result<std::vector<std::string>> Container::inside(const std::vector<std::string>& arguments,
                                                   const std::optional<std::string>& user) const {
  const auto pid = leader();
  if (!pid)
    return fail(ErrorKind::unavailable, std::string(host_.name) + " is off",
                "Boot it: tandem-lab boot " + std::string(host_.name));
  TANDEM_TRY(const auto cgroup, Cgroup::at(names_.cgroup(host_.name) + "/run"));
  TANDEM_CHECK(cgroup.make());
  std::vector<std::string> command{"sh", "-c", enter_script, "sh", cgroup.join_files().front(), std::to_string(*pid)};
  if (user && *user != "root")
    command.insert(command.end(), {"runuser", "-u", *user, "--", "sh", "-c", user_script, "sh"});
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

Result<void> Container::power_off() {
  const auto pid = leader();
  if (!pid) return {};
  ::kill(*pid, SIGRTMIN + 4); // systemd's "power off"
  wait_until([&] { return !leader(); }, std::chrono::seconds(30));
  return kill();
}

Result<void> Container::kill() {
  TANDEM_TRY(const auto cgroup, Cgroup::at(names_.cgroup(host_.name)));
  TANDEM_CHECK(cgroup.kill());
  return cgroup.remove();
}

Result<void> Container::freeze() {
  if (!leader()) return fail(ErrorKind::unavailable, std::string(host_.name) + " is off");
  TANDEM_TRY(const auto cgroup, Cgroup::at(names_.cgroup(host_.name)));
  return cgroup.set_frozen(true);
}

Result<void> Container::thaw() {
  TANDEM_TRY(const auto cgroup, Cgroup::at(names_.cgroup(host_.name)));
  if (!cgroup.exists()) return fail(ErrorKind::unavailable, std::string(host_.name) + " is off");
  return cgroup.set_frozen(false);
}

bool Container::frozen() const {
  const auto cgroup = Cgroup::at(names_.cgroup(host_.name));
  return cgroup && cgroup->exists() && cgroup->frozen();
}

} // namespace tandem::lab
