#include "system/linked_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace tandem::system {

namespace {

struct SpawnSettings {
  posix_spawn_file_actions_t files{};
  posix_spawnattr_t attributes{};

  explicit SpawnSettings(int socket) {
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, socket, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, socket, STDOUT_FILENO);
    posix_spawn_file_actions_addchdir_np(&files, "/");
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    for (const int signal : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD})
      sigaddset(&signals, signal);
    posix_spawnattr_setsigdefault(&attributes, &signals);
  }

  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }

  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

} // namespace

Result<LinkedProgram> start_linked(const Command& command) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return system_error("making a socket pair");
  LinkedProgram program{Descriptor(ends[0]), {}, 0};
  const Descriptor theirs(ends[1]);
  std::vector<std::string> arguments = command.arguments;
  std::vector<std::string> variables{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                     "LANG=C.UTF-8", "HOME=/root"};
  for (const auto& [name, value] : command.environment)
    variables.push_back(name + "=" + value);
  const SpawnSettings settings(theirs.get());
  pid_t pid = 0;
  errno = ::posix_spawnp(&pid, arguments.front().c_str(), &settings.files, &settings.attributes,
                         pointers_to(arguments).data(), pointers_to(variables).data());
  if (errno != 0) return system_error("starting " + arguments.front());
  program.group = pid;
  program.process = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!program.process) return system_error("watching " + arguments.front());
  return program;
}

bool has_ended(const LinkedProgram& program) {
  pollfd waiting{program.process.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

void kill_now(const LinkedProgram& program) {
  if (!has_ended(program)) ::kill(-program.group, SIGKILL);
}

Result<int> wait_for_end(const LinkedProgram& program, std::chrono::milliseconds patience) {
  const auto ends_within = [&](std::chrono::milliseconds time) {
    pollfd waiting{program.process.get(), POLLIN, 0};
    return ::poll(&waiting, 1, static_cast<int>(time.count())) == 1;
  };
  if (!ends_within(patience)) {
    ::kill(-program.group, SIGTERM);
    if (!ends_within(std::chrono::seconds(2))) ::kill(-program.group, SIGKILL);
  }
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(program.process.get()), &info, WEXITED) != 0)
    if (errno != EINTR) return system_error("waiting for a program");
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

} // namespace tandem::system
