// Agents of a pair in this process: each with a root folder of its own, on a loopback address of its own.
#pragma once
#include "agent/agent.hpp"
#include "agent/operations/all.hpp"
#include "fakes/server.hpp"
#include "peer/local_client.hpp"
#include "system/applications.hpp"
#include "unit/peer/support.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <atomic>

namespace tandem::agent::testing {

using peer::testing::eventually;
using peer::testing::RunningLoop;

// Real files below a root, for /etc and /var. Writes fail once the power is cut.
class RootedFiles final : public system::Files {
public:
  explicit RootedFiles(std::string root) : root_(std::move(root)) {}

  std::atomic<int> writes = 0;
  std::atomic<int> cut_after = -1;                       // so many writes are done, then each fails; -1: never
  std::atomic<bool> state_full = false;                  // nothing more can be written to /var/lib/tandem
  std::function<void(const std::string& path)> on_write; // any thread; a removal too, and one that fails

  Result<std::optional<system::FileStatus>> status(const std::string& path) override { return real_.status(at(path)); }

  Result<std::string> read(const std::string& path) override { return real_.read(at(path)); }

  Result<std::vector<std::string>> list(const std::string& path) override { return real_.list(at(path)); }

  Result<void> write(const std::string& path, const std::string& content, std::uint32_t mode,
                     system::Ownership) override {
    if (on_write) on_write(path);
    TANDEM_CHECK(spend(path));
    return real_.write(at(path), content, mode, {::geteuid(), ::getegid()});
  }

  Result<void> append(const std::string& path, const std::string& content) override {
    TANDEM_CHECK(spend(path));
    return real_.append(at(path), content);
  }

  Result<void> make_folder(const std::string& path, std::uint32_t mode, system::Ownership) override {
    TANDEM_CHECK(spend(path));
    return real_.make_folder(at(path), mode, {::geteuid(), ::getegid()});
  }

  Result<void> make_link(const std::string& path, const std::string& target) override {
    TANDEM_CHECK(spend(path));
    return real_.make_link(at(path), target);
  }

  Result<void> set_mode(const std::string& path, std::uint32_t mode) override {
    TANDEM_CHECK(spend(path));
    return real_.set_mode(at(path), mode);
  }

  Result<void> set_owner(const std::string& path, system::Ownership owner) override {
    TANDEM_CHECK(spend(path));
    return real_.set_owner(at(path), owner);
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    TANDEM_CHECK(spend(to));
    return real_.rename(at(from), at(to));
  }

  Result<void> remove(const std::string& path) override {
    if (on_write) on_write(path);
    TANDEM_CHECK(spend(path));
    return real_.remove(at(path));
  }

  Result<void> remove_tree(const std::string& path) override {
    TANDEM_CHECK(spend(path));
    return real_.remove_tree(at(path));
  }

private:
  [[nodiscard]] std::string at(const std::string& path) const {
    const bool below = path.starts_with("/etc/") || path.starts_with("/var/") || path == "/primary_server";
    return below ? root_ + path : path;
  }

  Result<void> spend(const std::string& path) {
    if (state_full && path.starts_with("/var/lib/tandem/")) return failed("no space left on device");
    if (cut_after >= 0 && writes >= cut_after) return failed("the power is gone");
    ++writes;
    return {};
  }

  std::string root_;
  system::LinuxFiles real_;
};

// One server: what lies on its disk stays while its agent is stopped and started.
class Server {
public:
  Server(const std::string& host_name, const std::string& address, std::uint16_t port)
      : root_(::testing::TempDir() + "tandem-agent-" + std::to_string(::getpid()) + "-" + host_name), files(root_),
        address_(address), port_(port), host_name_(host_name) {
    std::filesystem::remove_all(root_);
    for (const char* folder : {"/etc/tandem", "/var/lib", "/run"})
      std::filesystem::create_directories(root_ + folder);
    fake_.clock.wall = std::chrono::system_clock::now();
  }

  ~Server() {
    stop();
    std::filesystem::remove_all(root_);
  }

  void start(std::vector<Operation> more = {}, std::map<std::string, StreamProgram> streams = {}) {
    Settings settings;
    settings.run_folder = root_ + "/run";
    settings.version = "0.1";
    settings.machine = {host_name_, {address_}, "boot"};
    settings.listen = peer::Address{address_, port_};
    settings.timing.beat = std::chrono::milliseconds(50);
    settings.timing.retry = std::chrono::milliseconds(10);
    settings.timing.slowest_retry = std::chrono::milliseconds(100);
    settings.streams = std::move(streams);
    auto operations =
        standard_operations(std::make_shared<ReleaseWork>(applications_, std::make_shared<FilesLedger>()));
    for (auto& operation : more)
      operations.push_back(std::move(operation));
    if (bind) bind(settings, operations);
    loop_ = std::make_unique<RunningLoop>();
    system::Ports ports{files,          fake_.processes, fake_.services, fake_.packages,
                        fake_.accounts, fake_.databases, fake_.clock};
    loop_->on([&] {
      agent_ = std::make_unique<Agent>(**loop_, ports, std::move(settings), std::move(operations));
      const auto started = agent_->start();
      EXPECT_TRUE(started) << started.error().message;
    });
  }

  // As SIGTERM does it: the agent ends its work, then its loop.
  void stop() {
    if (!loop_) return;
    (**loop_).post([this] { agent_->stop(); });
    loop_->wait_for_end();
    agent_.reset();
    loop_.reset();
  }

  Result<Json> ask(const std::string& method, const Json& params = Json::object(),
                   const std::function<void(const Json&)>& on_event = {}) {
    auto client = peer::LocalClient::connect(socket(), "0.1");
    if (!client) return std::unexpected(client.error());
    return client->call(method, params, on_event);
  }

  bool sees(const std::string& other) {
    const auto status = ask("status");
    if (!status) return false;
    for (const auto& server : (*status)["servers"])
      if (server["name"] == other) return server["reachable"].get<bool>();
    return false;
  }

  // Everything below /etc and /var as one text, to see that nothing changed.
  std::string disk() {
    std::map<std::string, std::string> found;
    for (const char* top : {"/etc", "/var"})
      for (const auto& entry : std::filesystem::recursive_directory_iterator(root_ + top))
        found[entry.path()] = entry.is_regular_file() ? system::LinuxFiles().read(entry.path()).value() : "";
    std::string all;
    for (const auto& [path, content] : found)
      all += path + "\n" + content + "\n";
    return all;
  }

  void put(const std::string& path, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    ASSERT_TRUE(system::LinuxFiles().write(root_ + path, content, 0600, {::geteuid(), ::getegid()}));
  }

  [[nodiscard]] std::string run_folder() const { return root_ + "/run"; }

  [[nodiscard]] std::string socket() const { return run_folder() + "/agent.sock"; }

  // Adds to each agent before it is made.
  std::function<void(Settings&, std::vector<Operation>&)> bind;

  Agent& agent() { return *agent_; }

  RunningLoop& loop() { return *loop_; }

  fakes::Clock& clock() { return fake_.clock; }

  fakes::Services& services() { return fake_.services; }

  fakes::Databases& databases() { return fake_.databases; }

private:
  std::string root_;

public:
  RootedFiles files;

private:
  std::string address_;
  std::uint16_t port_;
  std::string host_name_;
  fakes::Server fake_;
  system::UwsgiApplications applications_;
  std::unique_ptr<RunningLoop> loop_;
  std::unique_ptr<Agent> agent_;
};

inline std::uint16_t free_port() {
  RunningLoop loop;
  const auto authority = peer::testing::new_authority();
  return loop.on([&] {
    return peer::listen_tls(*loop, {"127.0.0.1", 0}, peer::testing::identity_of(authority, "x"), {}, {})
        .value()
        ->port();
  });
}

inline std::string pair_file(std::uint16_t port) {
  return fmt::format(R"([pair]
name = "shops"
admin_mail = "ops@example.org"
port = {}
[[server]]
name = "uno"
address = "127.0.0.1"
[[server]]
name = "duo"
address = "127.0.0.2"
[[user]]
name = "shop"
[[site]]
domain = "shop.example"
repo = "git@tre:shop.git"
deploy_key = "secrets/shop"
repo_host_keys = ["tre ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICiznu4FvNy81JRcwf2nAde2WIbqvATwzOCh1P4dMGNX"]
owner = "shop"
wsgi = "shop.wsgi:application"
)",
                     port);
}

// uno has the file, duo is bare.
struct Two {
  std::uint16_t port = free_port();
  Server uno{"uno", "127.0.0.1", port};
  Server duo{"duo", "127.0.0.2", port};

  Two() {
    uno.put("/etc/tandem/tandem.toml", pair_file(port));
    uno.put("/etc/tandem/secrets/shop", std::string("a key\0with a zero", 17));
  }
};

} // namespace tandem::agent::testing
