#include "system/processes.hpp"

#include "base/text.hpp"
#include "system/descriptor.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace tandem::system {

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::size_t kept_output = std::size_t{1} << 20U;
constexpr int most_reads_after = 64; // once the program has ended: more than a pipe holds is a grandchild's

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("making a pipe");
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// What the child needs after fork(), prepared before it: no memory may be allocated in between.
struct Prepared {
  std::vector<std::string> environment;
  std::vector<char*> arguments;
  std::vector<char*> variables;
  std::vector<gid_t> groups;
  std::optional<passwd> account;
  std::string account_buffer;
};

Result<void> prepare_account(Prepared& prepared, const std::string& user,
                             std::map<std::string, std::string>& variables) {
  prepared.account_buffer.resize(16384);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(user.c_str(), &entry, prepared.account_buffer.data(), prepared.account_buffer.size(), &found);
  if (found == nullptr) return fail(ErrorKind::not_found, "there is no user " + user);
  prepared.account = entry;
  int count = 64;
  prepared.groups.resize(static_cast<std::size_t>(count));
  if (::getgrouplist(user.c_str(), entry.pw_gid, prepared.groups.data(), &count) < 0) {
    prepared.groups.resize(static_cast<std::size_t>(count));
    ::getgrouplist(user.c_str(), entry.pw_gid, prepared.groups.data(), &count);
  }
  prepared.groups.resize(static_cast<std::size_t>(count));
  variables["HOME"] = entry.pw_dir;
  variables["USER"] = user;
  variables["LOGNAME"] = user;
  return {};
}

Result<void> prepare(Prepared& prepared, const Command& command) {
  std::map<std::string, std::string> variables{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, {"LANG", "C.UTF-8"}, {"HOME", "/root"}};
  if (command.user) TANDEM_CHECK(prepare_account(prepared, *command.user, variables));
  for (const auto& [name, value] : command.environment)
    variables[name] = value;
  for (const auto& [name, value] : variables)
    prepared.environment.push_back(name + "=" + value);
  for (auto& variable : prepared.environment)
    prepared.variables.push_back(variable.data());
  prepared.variables.push_back(nullptr);
  for (const auto& argument : command.arguments)
    prepared.arguments.push_back(const_cast<char*>(argument.c_str())); // execvpe takes them so; it writes nothing
  prepared.arguments.push_back(nullptr);
  return {};
}

// In a mount namespace of its own, which goes with the last process in it (mount_namespaces(7)). The other mounts stay
// followers of the server's, so that what is unmounted there is not kept busy here.
bool take_views(const std::vector<View>& views) {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return false;
  return std::ranges::all_of(views, [](const View& view) {
    return ::mount(view.shown.c_str(), view.at.c_str(), nullptr, MS_BIND, nullptr) == 0;
  });
}

struct Streams {
  Pipe input, output, errors, failure;
};

[[noreturn]] void become(const Command& command, const Prepared& prepared, const Streams& streams, bool with_input) {
  const auto give_up = [&] {
    const int code = errno;
    [[maybe_unused]] const auto ignored = ::write(streams.failure.write.get(), &code, sizeof code);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  for (const int signal : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD})
    ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int input = with_input ? streams.input.read.get() : ::open("/dev/null", O_RDONLY);
  if (::dup2(input, 0) < 0 || ::dup2(streams.output.write.get(), 1) < 0 || ::dup2(streams.errors.write.get(), 2) < 0)
    give_up();
  if (!command.views.empty() && !take_views(command.views)) give_up();
  if (prepared.account) {
    const auto& account = *prepared.account;
    if (::setgroups(prepared.groups.size(), prepared.groups.data()) != 0 || ::setgid(account.pw_gid) != 0 ||
        ::setuid(account.pw_uid) != 0)
      give_up();
  }
  if (::chdir(command.folder.c_str()) != 0) give_up();
  ::execvpe(prepared.arguments[0], prepared.arguments.data(), prepared.variables.data());
  give_up();
  ::_exit(127);
}

// One stream of the child: keeps the last part of what came and hands on whole lines.
class Collector {
public:
  Collector(Descriptor fd, const LineSink& sink) : fd_(std::move(fd)), sink_(sink) {}

  [[nodiscard]] int fd() const { return fd_.get(); }

  void read_some() {
    std::array<char, 65536> buffer{};
    const auto count = ::read(fd_.get(), buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count <= 0) {
      fd_.reset();
      if (sink_ && !line_.empty()) sink_(line_);
      return;
    }
    take({buffer.data(), static_cast<std::size_t>(count)});
  }

  std::string finish() { return std::move(kept_); }

private:
  void take(std::string_view piece) {
    kept_ += piece;
    if (kept_.size() > 2 * kept_output) kept_.erase(0, kept_.size() - kept_output);
    if (!sink_) return;
    line_ += piece;
    for (auto end = line_.find('\n'); end != std::string::npos; end = line_.find('\n')) {
      sink_(std::string_view(line_).substr(0, end));
      line_.erase(0, end + 1);
    }
  }

  Descriptor fd_;
  const LineSink& sink_;
  std::string kept_;
  std::string line_;
};

// Ends the whole group: first politely, then for good.
class Deadline {
public:
  Deadline(pid_t group, std::chrono::milliseconds limit) : group_(group), at_(SteadyClock::now() + limit) {}

  [[nodiscard]] int milliseconds_left() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - SteadyClock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
  }

  void enforce() {
    if (SteadyClock::now() < at_) return;
    ::kill(-group_, asked_ ? SIGKILL : SIGTERM);
    asked_ = true;
    at_ = SteadyClock::now() + std::chrono::seconds(2);
  }

  [[nodiscard]] bool passed() const { return asked_; }

private:
  pid_t group_;
  SteadyClock::time_point at_;
  bool asked_ = false;
};

// write() to a pipe that nobody reads raises SIGPIPE, which would end us; here it is held back and taken away.
ssize_t write_quietly(int fd, std::string_view text) {
  sigset_t pipe_signal;
  sigset_t before;
  ::sigemptyset(&pipe_signal);
  ::sigaddset(&pipe_signal, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const auto written = ::write(fd, text.data(), text.size());
  const int code = errno;
  const timespec at_once{};
  if (written < 0 && code == EPIPE) ::sigtimedwait(&pipe_signal, nullptr, &at_once);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = code;
  return written;
}

void feed(Descriptor& input, std::string_view& rest) {
  const auto written = write_quietly(input.get(), rest);
  if (written < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
  if (written < 0 || rest.empty()) input.reset(); // a program that does not want its input is not an error
}

bool ended(pid_t child, int& status) {
  return ::waitpid(child, &status, WNOHANG) == child;
}

int exit_status(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Reads until the child has ended and its streams are closed. A grandchild that keeps a stream open
// (a daemon that the program started) does not hold us: once the child is gone, what is there is read and that is all.
Outcome attend(pid_t child, Streams& streams, const Command& command, const LineSink& sink) {
  Collector output(std::move(streams.output.read), sink);
  Collector errors(std::move(streams.errors.read), sink);
  Descriptor input = command.input.empty() ? Descriptor() : std::move(streams.input.write);
  if (input) ::fcntl(input.get(), F_SETFL, O_NONBLOCK);
  std::string_view rest = command.input;
  Deadline deadline(child, command.time_limit);
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))); // readable once the child has ended
  const int longest_pause = process ? 1'000'000 : 10; // milliseconds; a kernel before 5.3 does not tell of its end
  int status = 0;
  bool gone = false;
  for (int reads_after = 0; reads_after < most_reads_after;) {
    std::array<pollfd, 4> waits{{{output.fd(), POLLIN, 0},
                                 {errors.fd(), POLLIN, 0},
                                 {input.get(), POLLOUT, 0},
                                 {gone ? -1 : process.get(), POLLIN, 0}}};
    const int ready =
        ::poll(waits.data(), waits.size(), gone ? 0 : std::min(deadline.milliseconds_left(), longest_pause));
    if (ready > 0) {
      if (waits[0].revents != 0) output.read_some();
      if (waits[1].revents != 0) errors.read_some();
      if (waits[2].revents != 0) feed(input, rest);
    }
    if (gone && ready == 0) break;
    if (gone) ++reads_after;
    if (!gone) gone = ended(child, status);
    if (!gone) deadline.enforce(); // also for one that never stops talking
  }
  return Outcome{exit_status(status), deadline.passed(), output.finish(), errors.finish()};
}

} // namespace

Result<Outcome> LinuxProcesses::run(const Command& command, const LineSink& on_line) {
  if (command.arguments.empty()) return fail(ErrorKind::invalid, "there is no program to run");
  Prepared prepared;
  TANDEM_CHECK(prepare(prepared, command));
  TANDEM_TRY(auto input, make_pipe());
  TANDEM_TRY(auto output, make_pipe());
  TANDEM_TRY(auto errors, make_pipe());
  TANDEM_TRY(auto failure, make_pipe());
  Streams streams{std::move(input), std::move(output), std::move(errors), std::move(failure)};
  const pid_t child = ::fork();
  if (child < 0) return system_error("starting " + command.arguments[0]);
  if (child == 0) become(command, prepared, streams, !command.input.empty());
  ::setpgid(child, child);
  streams.input.read.reset();
  streams.output.write.reset();
  streams.errors.write.reset();
  streams.failure.write.reset();
  int code = 0;
  if (::read(streams.failure.read.get(), &code, sizeof code) == sizeof code) {
    ::waitpid(child, nullptr, 0);
    errno = code;
    return system_error("starting " + command.arguments[0]);
  }
  return attend(child, streams, command, on_line);
}

Result<Outcome> run_checked(Processes& processes, const Command& command, const LineSink& on_line) {
  TANDEM_TRY(auto outcome, processes.run(command, on_line));
  return checked(command, std::move(outcome));
}

Result<Outcome> checked(const Command& command, Outcome outcome) {
  if (outcome.ok()) return outcome;
  auto said = lines_of(outcome.errors.empty() ? outcome.output : outcome.errors);
  if (said.size() > 6) said.erase(said.begin(), said.end() - 6);
  const auto how =
      outcome.timed_out ? std::string("ran over its time limit") : fmt::format("ended with status {}", outcome.status);
  return failed(fmt::format("{} {}{}{}", command.arguments[0], how, said.empty() ? "" : ": ", join(said, "\n    ")));
}

} // namespace tandem::system
