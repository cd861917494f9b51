// Deploys with real git, virtualenv, pip and uWSGI in a folder of the test's own, under visitors that ask all the time.
// Only systemd is played: its units are processes that the test starts and ends.
#include "base/text.hpp"
#include "sites/deploy.hpp"
#include "sites/outlook.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

namespace tandem::sites {

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr auto* owner = "nobody";

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

  static std::unique_ptr<Server> shared;
  Server& server = *shared;
  model::Site site;
  std::string said;
};

std::unique_ptr<Server> RealSite::shared;

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

} // namespace

TEST_F(RealSite, NoVisitorSeesADeployABrokenOneOrARollback) {
  push("first");
  const auto first = deploy();
  ASSERT_TRUE(first) << first.error().message << "\n" << said;
  EXPECT_EQ(ask(), "first");
  Visitors visitors([this](const std::string& path) { return ask(path); }, "first second");

  push("second");
  const auto second = deploy();
  ASSERT_TRUE(second) << second.error().message << "\n" << said;
  EXPECT_THAT(second->warnings, ::testing::IsEmpty());
  EXPECT_EQ(ask(), "second");
  EXPECT_EQ(server.services->count(), 1U);

  push("third", "500 Broken");
  const auto third = deploy();
  ASSERT_FALSE(third);
  EXPECT_THAT(third.error().message, HasSubstr("it answers 500 to /"));
  EXPECT_EQ(ask(), "second");

  Shelf shelf(tools());
  const auto way = choose_rollback(*shelf.look(site.domain), "");
  ASSERT_TRUE(way) << way.error().message;
  const auto back = roll_back(tools(), site, *way, {}, [](const std::string&) {});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(ask(), "first");
  visitors.stop();
  EXPECT_THAT(visitors.bad, ::testing::IsEmpty());
  EXPECT_GT(visitors.asked, 100);
}

TEST_F(RealSite, AReleaseAndWhatItsStepsMakeBelongToTheSitesOwner) {
  push("first");
  const auto done = deploy();
  ASSERT_TRUE(done) << done.error().message << "\n" << said;
  const auto table = server.accounts.read();
  const auto step = server.files.status(server.layout.shared(site.domain, "media") + "/step");
  ASSERT_TRUE(step && *step) << "the step wrote through the link";
  EXPECT_EQ((*step)->uid, table->user(owner)->uid);
  EXPECT_EQ((*step)->gid, table->group("www-data")->gid);
  const auto socket = server.files.status(server.layout.socket(site.domain, done->release.id));
  ASSERT_TRUE(socket && *socket);
  EXPECT_EQ((*socket)->mode, 0600U) << "nginx alone comes in";
  EXPECT_EQ((*socket)->uid, table->user("www-data")->uid);
  EXPECT_EQ(*server.files.read(server.layout.site_link(site.domain) + "/app.py"),
            *server.files.read(server.root + "/repo/app.py"));
  EXPECT_FALSE(fs::exists(server.layout.site_link(site.domain) + "/.git"));
}

TEST_F(RealSite, WhatStepsBuildIsAlwaysThereAndWholeForVisitors) {
  // As collectstatic does: each file is deleted, then written piece by piece.
  const auto step = [](const std::string& letter, const std::string& then) {
    return fmt::format("python -c 'import os, time\nfor name in \"style.css\", \"sub/same.css\":\n"
                       "    path = \"static/\" + name\n    os.makedirs(os.path.dirname(path), exist_ok=True)\n"
                       "    os.path.exists(path) and os.remove(path)\n    time.sleep(0.1)\n"
                       "    with open(path, \"w\") as file:\n        for piece in range(100):\n"
                       "            file.write(\"{0}\" * 1000 if name == \"style.css\" else \"same\")\n"
                       "            file.flush()\n{1}'",
                       letter, then);
  };
  site.folders.push_back({.name = "static"});
  site.serve = {{"/static/", "static"}};
  site.deploy_steps = {step("a", "open(\"static/old.css\", \"w\").write(\"old\")")};
  push("first");
  const auto first = deploy();
  ASSERT_TRUE(first) << first.error().message << "\n" << said;
  const auto live = server.layout.site_link(site.domain) + "/static/";
  const auto content = [&](const std::string& name) { return server.files.read(live + name).value_or("none"); };
  const auto same = server.files.status(live + "sub/same.css").value()->modified_ns;
  ASSERT_EQ(content("style.css"), std::string(100'000, 'a'));
  Visitors visitors([&](const std::string& /*path*/) { return content("style.css"); },
                    std::string(100'000, 'a') + " " + std::string(100'000, 'b'));

  site.deploy_steps = {step("c", "raise SystemExit(1)")};
  ASSERT_FALSE(deploy());
  EXPECT_EQ(content("style.css"), std::string(100'000, 'a')) << "steps that fail have changed nothing";

  std::ofstream(live + "cache.css") << "by the site itself";
  site.deploy_steps = {step("b", "os.remove(\"static/old.css\")")};
  bool old_there = false;
  push("second");
  const auto second =
      sites::deploy(tools(), site, "", {.before_live = [&](const Release&) -> Result<void> {
                      old_there = content("old.css") == "old" && content("style.css") == std::string(100'000, 'b');
                      return {};
                    }},
                    [](const std::string&) {});
  visitors.stop();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(old_there) << "the old release may need it for as long as it serves";
  EXPECT_EQ(content("old.css"), "none");
  EXPECT_EQ(content("cache.css"), "by the site itself");
  EXPECT_EQ(server.files.status(live + "sub/same.css").value()->modified_ns, same);
  EXPECT_THAT(visitors.bad, ::testing::SizeIs(0));
  EXPECT_FALSE(fs::exists(server.layout.building(site.domain)));
}

TEST_F(RealSite, CodeThatDoesNotLoadIsToldAndServesNobody) {
  push("first");
  ASSERT_TRUE(deploy());
  push("'] syntax error [");
  const auto done = deploy();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("is not well"));
  EXPECT_EQ(ask(), "first");
}

TEST_F(RealSite, ABranchThatWasRewrittenAndOneThatIsGoneAreSeen) {
  push("first");
  ASSERT_TRUE(deploy());
  push("second");
  ASSERT_TRUE(git({"commit", "--quiet", "--amend", "--message=rewritten"}));
  const auto done = deploy();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask(), "second");
  site.branch = "gone";
  const auto gone = deploy();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::not_found);
}

TEST_F(RealSite, ADryRunTellsWhatWouldComeAndTouchesTheMirrorAlone) {
  const auto foresee = [&] { return look_ahead(tools(), site, "", [](const std::string&) {}); };
  const auto all = [&] {
    std::set<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(server.root + "/www"))
      if (entry.path().string().find("/repo.git") == std::string::npos) paths.insert(entry.path());
    return paths;
  };
  push("first");
  const auto done = deploy();
  ASSERT_TRUE(done) << done.error().message;
  const auto before = all();
  const auto same = foresee();
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->commit.hash, done->release.commit);
  EXPECT_EQ(same->environment, done->release.environment) << "the key that a deploy would come to";
  EXPECT_FALSE(same->builds_environment);
  EXPECT_THAT(same->comes, ::testing::IsEmpty());

  const auto repo = server.root + "/repo/";
  fs::create_directories(repo + "orders/migrations");
  std::ofstream(repo + "orders/migrations/0001_initial.py") << "# one\n";
  push("second \033[31m");
  std::ofstream(repo + "more.txt") << "# another\n";
  std::ofstream(repo + "requirements.txt") << "-r more.txt\n";
  ASSERT_TRUE(git({"add", "--all"}));
  ASSERT_TRUE(git({"commit", "--quiet", "--message=needs more"}));
  const auto next = foresee();
  ASSERT_TRUE(next) << next.error().message;
  ASSERT_EQ(next->comes.size(), 2U);
  EXPECT_THAT(next->comes[0], ::testing::EndsWith(" needs more"));
  EXPECT_THAT(next->comes[1], ::testing::EndsWith(" second ?[31m"));
  EXPECT_THAT(next->goes, ::testing::IsEmpty());
  EXPECT_TRUE(next->builds_environment);
  EXPECT_THAT(next->migrations, ::testing::ElementsAre("orders/migrations/0001_initial.py"));
  EXPECT_EQ(next->steps, site.deploy_steps);
  EXPECT_EQ(next->current->id, done->release.id);
  EXPECT_EQ(all(), before);
  EXPECT_EQ(ask(), "first");

  const auto built = deploy();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(built->release.environment, next->environment);
  const auto back = look_ahead(tools(), site, done->release.commit, [](const std::string&) {});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->goes.size(), 2U);
  EXPECT_FALSE(back->builds_environment);
}

TEST_F(RealSite, SubmodulesAndTheirsAreInTheReleaseAtTheCommitsThatAreNamed) {
  const auto git_at = [&](const std::string& repository, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"git", "-C", server.root + "/" + repository, "-c", "user.name=Shop", "-c",
                                         "user.email=s@shop.test", "-c", "protocol.file.allow=always"});
    const auto done = run_checked(server.processes, {.arguments = arguments});
    EXPECT_TRUE(done) << done.error().message;
    return done ? std::string(trim(done->output)) : "";
  };
  const auto commit_file = [&](const std::string& repository, const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(server.root + "/" + repository + "/" + name).parent_path());
    std::ofstream(server.root + "/" + repository + "/" + name) << text;
    git_at(repository, {"add", "--all"});
    git_at(repository, {"commit", "--quiet", "--allow-empty", "--message=" + name});
  };
  for (const auto* name : {"/inner", "/colours"})
    fs::create_directories(server.root + name);
  for (const auto* name : {"inner", "colours"})
    git_at(name, {"init", "--quiet", "--initial-branch=main"});
  commit_file("inner", "migrations/0001_initial.py", "# one\n");
  commit_file("colours", "colours.txt", "red");
  git_at("colours", {"submodule", "--quiet", "add", "../inner", "deep/inner"});
  git_at("colours", {"commit", "--quiet", "--message=inner"});
  push("modules");
  git_at("repo", {"submodule", "--quiet", "add", "../colours", "libraries/colours"});
  git_at("repo", {"submodule", "--quiet", "update", "--init", "--recursive"});
  git_at("repo", {"commit", "--quiet", "--message=colours"});
  commit_file("colours", "colours.txt", "blue"); // which the shop does not name yet

  const auto foreseen = look_ahead(tools(), site, "", [](const std::string&) {});
  ASSERT_TRUE(foreseen) << foreseen.error().message;
  EXPECT_THAT(foreseen->migrations, ::testing::Contains("libraries/colours/deep/inner/migrations/0001_initial.py"));
  const auto first = deploy();
  ASSERT_TRUE(first) << first.error().message << "\n" << said;
  const auto folder = server.layout.site_link(site.domain) + "/libraries/colours";
  EXPECT_EQ(*server.files.read(folder + "/colours.txt"), "red");
  EXPECT_THAT(first->release.migrations,
              ::testing::Contains("libraries/colours/deep/inner/migrations/0001_initial.py"));
  EXPECT_FALSE(fs::exists(folder + "/.tandem-index"));
  EXPECT_EQ((*server.files.status(folder + "/deep/inner/migrations"))->uid, server.accounts.read()->user(owner)->uid);

  git_at("repo/libraries/colours", {"fetch", "--quiet"});
  git_at("repo/libraries/colours", {"checkout", "--quiet", "origin/main"});
  push("modules blue");
  ASSERT_TRUE(deploy()) << said;
  EXPECT_EQ(*server.files.read(folder + "/colours.txt"), "blue");

  // One that cannot be had stops the deploy before a visitor sees it.
  git_at("repo", {"config", "--file", ".gitmodules", "submodule.libraries/colours.url", "../nowhere"});
  push("modules gone");
  const auto gone = deploy();
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().message, HasSubstr("submodule libraries/colours/ from " + server.root + "/nowhere"));
  EXPECT_EQ(ask(), "modules blue");
  git_at("repo", {"rm", "--quiet", "-f", "libraries/colours"});
  git_at("repo", {"commit", "--quiet", "--message=without"});
}

} // namespace tandem::sites
