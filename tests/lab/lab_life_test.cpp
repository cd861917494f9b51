// How labs come and go: what is left of them, what an interrupted one leaves, and several side by side.
#include "base/text.hpp"
#include "lab/base.hpp"
#include "lab_fixture.hpp"
#include "system/files.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>

namespace tandem::lab {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

void quiet(const std::string&) {}

// What of labs can be seen on the machine: mounts, namespaces, control groups, folders, processes.
std::set<std::string> traces(const std::string& word) {
  std::set<std::string> found;
  system::LinuxFiles files;
  for (const auto& line : lines_of(files.read("/proc/self/mounts").value_or("")))
    if (line.find(word) != std::string::npos) found.insert("mount " + line);
  std::error_code error;
  for (const char* folder : {"/run/netns", "/var/tmp/tandem-lab", "/sys/fs/cgroup/unified/tandem-lab",
                             "/sys/fs/cgroup/systemd/tandem-lab", "/sys/fs/cgroup/tandem-lab", "/run/systemd/nspawn"})
    for (const auto& entry : fs::directory_iterator(folder, error))
      if (entry.path().string().find(word) != std::string::npos) found.insert(entry.path().string());
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto pid = entry.path().filename().string();
    if (!to_number(pid) || pid == std::to_string(::getpid())) continue;
    const auto command = replace_all(files.read("/proc/" + pid + "/cmdline").value_or(""), std::string(1, '\0'), " ");
    const auto group = files.read("/proc/" + pid + "/cgroup").value_or("");
    if (command.find(word) != std::string::npos) found.insert("process " + command);
    if (group.find(word) != std::string::npos && !command.empty()) found.insert("process in a group: " + command);
  }
  return found;
}

// `tandem-lab up` as a process of its own, to be killed.
class RunningUp {
public:
  RunningUp(const std::string& name, const std::string& cache) : child_(::fork()) {
    if (child_ != 0) return;
    if (!cache.empty()) ::setenv("XDG_CACHE_HOME", cache.c_str(), 1);
    ::execl(TANDEM_LAB_COMMAND, "tandem-lab", "up", "--name", name.c_str(), nullptr);
    ::_exit(127);
  }

  RunningUp(const RunningUp&) = delete;
  RunningUp& operator=(const RunningUp&) = delete;

  ~RunningUp() { kill(); }

  [[nodiscard]] bool ended() {
    if (child_ > 0 && ::waitpid(child_, nullptr, WNOHANG) == child_) child_ = 0;
    return child_ == 0;
  }

  void kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

private:
  pid_t child_;
};

std::size_t hosts_begun(const Names& names) {
  std::size_t count = 0;
  for (const auto& host : hosts)
    if (const auto group = Cgroup::at(names.cgroup(host.name)); group && !group->processes().empty()) ++count;
  return count;
}

struct Moment {
  const char* words;
  bool (*come)(const Names& names);
};

const Moment moments[] = {
    {"its folder is made", [](const Names& names) { return fs::exists(names.folder()); }},
    {"its key is made", [](const Names& names) { return fs::exists(names.key_file()); }},
    {"a host's folder is made", [](const Names& names) { return fs::exists(names.host_folder("uno") + "/upper"); }},
    {"its network is made", [](const Names& names) { return fs::exists(names.network_file()); }},
    {"its state is written", [](const Names& names) { return fs::exists(names.state_file()); }},
    {"the first host starts", [](const Names& names) { return hosts_begun(names) > 0; }},
    {"all hosts have started", [](const Names& names) { return hosts_begun(names) == hosts.size(); }},
};

TEST(LabLife, DownLeavesNothing) {
  std::string name;
  {
    OwnLab lab;
    ASSERT_TRUE(lab.ok());
    name = lab->name();
    EXPECT_FALSE(traces(name).empty());
    // What a test or a person has left running there goes as well.
    on(*lab, "uno", "systemd-run --quiet sleep 1000");
    ASSERT_OK(lab->run_in_network({"setsid", "--fork", "sleep", "1000"}));
  }
  EXPECT_THAT(traces(name), ::testing::IsEmpty());
}

TEST(LabLife, DownAfterAnInterruptedUpLeavesNothing) {
  ASSERT_OK(prepare_base("bookworm", quiet));
  int number = 0;
  for (const auto& moment : moments) {
    SCOPED_TRACE(moment.words);
    const auto names = Names::of("cut-" + std::to_string(::getpid()) + "-" + std::to_string(++number));
    ASSERT_OK(names);
    RunningUp up(names->lab(), "");
    ASSERT_TRUE(wait_until([&] { return moment.come(*names) || up.ended(); }, 60s));
    ASSERT_FALSE(up.ended()) << "it ended before this moment";
    up.kill();
    ASSERT_OK(Lab::down(names->lab(), quiet));
    // A small program that the killed one had just begun, such as ssh-keygen, ends by itself.
    EXPECT_TRUE(wait_until([&] { return traces(names->lab()).empty(); }, 30s))
        << ::testing::PrintToString(traces(names->lab()));
  }
}

TEST(LabLife, AnInterruptedBuildLeavesNothingAndIsNotTakenForAGoodOne) {
  const auto cache = testing::TempDir() + "lab-cache-" + std::to_string(::getpid());
  const auto parts = [&] {
    std::size_t count = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(cache + "/tandem/lab/bookworm", error))
      if (entry.path().filename() != "lock") ++count;
    return count;
  };
  const auto name = "cut-" + std::to_string(::getpid()) + "-build";
  {
    RunningUp up(name, cache);
    ASSERT_TRUE(wait_until([&] { return parts() > 0 || up.ended(); }, 60s));
    ASSERT_FALSE(up.ended());
  }
  EXPECT_TRUE(wait_until([&] { return traces(cache).empty(); }, 10s)) << "what builds goes on";
  Tools tools;
  ASSERT_OK(system::run_checked(
      tools, {.arguments = {TANDEM_LAB_COMMAND, "down", "--name", name}, .environment = {{"XDG_CACHE_HOME", cache}}}));
  EXPECT_EQ(parts(), 0U);
  EXPECT_THAT(traces(name), ::testing::IsEmpty());
  fs::remove_all(cache);
}

TEST(LabLife, AnInterruptedUpCanBeBegunAgain) {
  const auto names = Names::of("cut-" + std::to_string(::getpid()) + "-again");
  ASSERT_OK(names);
  {
    RunningUp up(names->lab(), "");
    ASSERT_TRUE(wait_until([&] { return hosts_begun(*names) > 0 || up.ended(); }, 60s));
  }
  {
    auto lab = Lab::up({.name = names->lab()}, quiet);
    EXPECT_TRUE(lab.has_value()) << (lab ? "" : describe(lab.error()));
    if (lab) {
      EXPECT_EQ(on(*lab, "tre", "ssh uno hostname"), "uno");
    }
  }
  ASSERT_OK(Lab::down(names->lab(), quiet));
}

TEST(LabLife, LabsSideBySideDoNotMeet) {
  OwnLab one, two;
  ASSERT_TRUE(one.ok() && two.ok());
  const std::string uno_of_tre = "ssh -o ConnectTimeout=2 uno cat /etc/machine-id";
  EXPECT_EQ(on(*one, "tre", uno_of_tre), on(*one, "uno", "cat /etc/machine-id"));
  EXPECT_EQ(on(*two, "tre", uno_of_tre), on(*two, "uno", "cat /etc/machine-id"));
  EXPECT_NE(on(*one, "uno", "cat /etc/machine-id"), on(*two, "uno", "cat /etc/machine-id"));
  ASSERT_OK(one->cut("uno"));
  EXPECT_FALSE(holds_on(*one, "tre", uno_of_tre)) << "it found the other lab's uno";
  EXPECT_TRUE(holds_on(*two, "tre", uno_of_tre));
}

TEST(LabLife, AnotherUpOrDownIsRefusedMeanwhile) {
  const auto names = Names::of("cut-" + std::to_string(::getpid()) + "-twice");
  ASSERT_OK(names);
  {
    RunningUp up(names->lab(), "");
    ASSERT_TRUE(wait_until([&] { return fs::exists(names->key_file()) || up.ended(); }, 60s));
    const auto down = Lab::down(names->lab(), quiet);
    ASSERT_FALSE(down.has_value());
    EXPECT_EQ(down.error().kind, ErrorKind::refused);
  }
  ASSERT_OK(Lab::down(names->lab(), quiet));
}

TEST(LabLife, ATrixiePairBoots) {
  OwnLab lab("trixie");
  ASSERT_TRUE(lab.ok());
  for (const char* host : {"uno", "duo"})
    EXPECT_EQ(on(*lab, host, ". /etc/os-release; echo $VERSION_CODENAME; systemctl is-system-running"),
              "trixie\nrunning");
  EXPECT_EQ(on(*lab, "tre", "ssh uno hostname"), "uno");
  on(*lab, "uno", "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install less");
}

} // namespace

} // namespace tandem::lab
