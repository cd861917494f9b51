// Deploys with real git, virtualenv, pip and uWSGI in a folder of the test's own, under visitors that ask all the time.
// Only systemd is played: its units are processes that the test starts and ends.
#pragma once
#include "base/text.hpp"
#include "sites/deploy.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

namespace tandem::sites::real {

namespace fs = std::filesystem;
inline constexpr auto* owner = "nobody";

// A unit is `uwsgi --ini …`, started as systemd would and ready once its socket takes connections.
class ProcessServices final : public system::Services {
public:
  explicit ProcessServices(const Layout& layout) : layout_(layout) {}

  ProcessServices(const ProcessServices&) = delete;
  ProcessServices& operator=(const ProcessServices&) = delete;

  ~ProcessServices() override {
    while (!running_.empty()) [[maybe_unused]]
      const auto stopped = stop(running_.begin()->first);
  }

  Result<system::UnitStatus> status(const std::string& unit) override {
    return system::UnitStatus{
        .load = "loaded", .active = running_.contains(unit) ? "active" : "inactive", .file = "static", .sub = ""};
  }

  Result<std::vector<system::LoadedUnit>> loaded(const std::string& /*pattern*/) override { return {}; }

  Result<void> begin(system::UnitDeed deed, const std::string& unit) override {
    return deed == system::UnitDeed::stop ? stop(unit) : start(unit);
  }

  Result<void> signal(const std::string& /*unit*/, int /*number*/) override { return {}; }

  Result<void> start(const std::string& unit) override {
    if (running_.contains(unit)) return {};
    const auto ini = ini_of(unit);
    const pid_t child = ::fork();
    if (child == 0) {
      const int log = ::open((ini + ".log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(log, 1);
      ::dup2(log, 2);
      ::execlp("uwsgi", "uwsgi", "--ini", ini.c_str(), nullptr);
      ::_exit(127);
    }
    running_[unit] = child;
    while (!listens(layout_.socket("shop.test", fs::path(ini).stem()))) {
      if (::waitpid(child, nullptr, WNOHANG) == child) {
        running_.erase(unit);
        return failed("starting " + unit + ": it ended at once");
      }
      ::usleep(1000);
    }
    return {};
  }

  Result<void> stop(const std::string& unit) override {
    const auto found = running_.find(unit);
    if (found == running_.end()) return {};
    ::kill(found->second, SIGTERM);
    ::waitpid(found->second, nullptr, 0);
    running_.erase(found);
    return {};
  }

  Result<void> restart(const std::string& /*unit*/) override { return failed("not for sites"); }

  Result<void> reload(const std::string& /*unit*/) override { return failed("not for sites"); }

  Result<void> enable(const std::string& /*unit*/) override { return failed("not for sites"); }

  Result<void> disable(const std::string& /*unit*/) override { return failed("not for sites"); }

  Result<void> reload_manager() override { return {}; }

  [[nodiscard]] std::size_t count() const { return running_.size(); }

private:
  static bool listens(const std::string& socket) {
    const auto sockets = system::LinuxFiles().read("/proc/net/unix");
    return std::ranges::any_of(lines_of(*sockets), [&](const std::string& line) {
      return line.ends_with(" " + socket) && line.find(" 00010000 ") != std::string::npos;
    });
  }

  [[nodiscard]] std::string ini_of(const std::string& unit) const {
    for (const auto& entry : fs::directory_iterator(layout_.state_folder("shop.test")))
      if (entry.path().extension() == ".ini" && site_unit("shop.test", entry.path().stem()) == unit)
        return entry.path();
    return {};
  }

  Layout layout_;
  std::map<std::string, pid_t> running_;
};

class NoPackages final : public system::Packages {
public:
  Result<std::map<std::string, std::string>> installed() override { return failed("none"); }

  Result<void> install(const std::vector<std::string>& /*names*/, const system::LineSink& /*sink*/,
                       const std::function<bool()>& /*may_wait*/) override {
    return failed("none");
  }
};

class NoDatabases final : public system::Databases {
public:
  Result<std::vector<system::Row>> query(const std::string& /*database*/, const std::string& /*statement*/,
                                         const std::vector<std::string>& /*parameters*/) override {
    return failed("none");
  }
};

// A server's folders and ports, made once: building a virtualenv takes longer than all the rest.
struct Server {
  Server() {
    std::string pattern = "/tmp/tandem-sites-XXXXXX";
    root = ::mkdtemp(pattern.data());
    ::chmod(root.c_str(), 0755);
    layout = {root + "/www", root + "/state", root + "/run"};
    for (const auto* name : {"/www", "/run", "/repo"})
      fs::create_directories(root + name);
    services = std::make_unique<ProcessServices>(layout);
  }

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  ~Server() {
    services.reset();
    fs::remove_all(root);
  }

  std::string root;
  Layout layout;
  system::LinuxFiles files;
  system::LinuxProcesses processes;
  system::LinuxClock clock;
  system::UwsgiApplications applications;
  system::DebianAccounts accounts{processes};
  NoPackages packages;
  NoDatabases databases;
  std::unique_ptr<ProcessServices> services;
};

class RealSite : public ::testing::Test {
protected:
  static void SetUpTestSuite() { shared = std::make_unique<Server>(); }

  static void TearDownTestSuite() { shared.reset(); }

  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0U) << "releases belong to their site's owner, so this needs root";
    ASSERT_TRUE(git({"init", "--quiet", "--initial-branch=main"}));
    site.domain = "shop.test";
    site.repo = server.root + "/repo";
    site.owner = owner;
    site.wsgi = "app:application";
    site.folders = {{.name = "media", .owner = {}, .group = {}, .replicate = true}};
    site.deploy_steps = {"python -c 'open(\"media/step\", \"w\").write(\"done by a step\")'"};
    site.environment = {{"GREETING", "it's \"$HOME\""}};
    site.uwsgi.processes = 2;
    site.uwsgi.threads = 2;
  }

  Result<void> git(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"git", "-C", server.root + "/repo", "-c", "user.name=Shop", "-c", "user.email=s@shop.test"});
    TANDEM_CHECK(run_checked(server.processes, {.arguments = arguments}));
    return {};
  }

  // One commit whose application answers with this text, slowly when asked for /slow.
  void push(const std::string& answer, const std::string& status = "200 OK") {
    const auto repo = server.root + "/repo/";
    std::ofstream(repo + "requirements.txt") << "# nothing beyond Python\n";
    std::ofstream(repo + "app.py") << fmt::format("import time\n\n\n"
                                                  "def application(environ, start_response):\n"
                                                  "    if environ['PATH_INFO'] == '/slow':\n"
                                                  "        time.sleep(0.5)\n"
                                                  "    start_response('{}', [('Content-Type', 'text/plain')])\n"
                                                  "    return [b'{}']\n",
                                                  status, answer);
    ASSERT_TRUE(git({"add", "--all"}));
    const auto committed = git({"commit", "--quiet", "--allow-empty", "--message=" + answer});
    ASSERT_TRUE(committed) << committed.error().message;
  }

  Tools tools() {
    return {{server.files, server.processes, *server.services, server.packages, server.accounts, server.databases,
             server.clock},
            server.applications,
            server.layout};
  }

  Result<Deployed> deploy() {
    return sites::deploy(tools(), site, "", {}, [this](const std::string& line) { said += line + "\n"; });
  }

  std::string ask(const std::string& path = "/") {
    const auto answer =
        server.applications.ask(server.layout.current_socket(site.domain), {.host = site.domain, .path = path});
    return answer ? answer->text.substr(answer->text.rfind('\n') + 1) : "error: " + answer.error().message;
  }

  static inline std::unique_ptr<Server> shared;
  Server& server = *shared;
  model::Site site;
  std::string said;
};

// Visitors that ask until they are stopped; none of them may get anything but an answer of a good release.
class Visitors {
public:
  Visitors(std::function<std::string(const std::string&)> ask, const std::string& good) {
    for (const std::string path : {"/", "/", "/slow"})
      threads_.emplace_back([this, ask, good, path](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          const auto answer = ask(path);
          ++asked;
          if (good.find(answer) == std::string::npos || answer.empty()) note(answer);
        }
      });
  }

  void stop() { threads_.clear(); }

  std::atomic<int> asked = 0;
  std::vector<std::string> bad;

private:
  void note(const std::string& answer) {
    const std::lock_guard guard(mutex_);
    bad.push_back(answer);
  }

  std::mutex mutex_;
  std::vector<std::jthread> threads_;
};

} // namespace tandem::sites::real
