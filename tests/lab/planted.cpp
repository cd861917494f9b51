#include "planted.hpp"

#include "base/text.hpp"
#include "pair_fixture.hpp"
#include "planted/faults.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace tandem::lab {

using planted::Fault;

namespace {

constexpr auto* whole_pair = "whole"; // the snapshot that each fault begins with

// Sourced again and again, by a unit that comes back after a boot.
constexpr auto* always_file = "/usr/local/lib/planted.sh";
constexpr auto* always_unit = R"([Unit]
Description=A planted fault
[Service]
ExecStart=/bin/bash -c 'while :; do . /usr/local/lib/planted.sh; sleep 0.1; done'
Restart=always
RestartSec=1
StandardOutput=null
StandardError=null
[Install]
WantedBy=multi-user.target
)";

// What the program says itself; what its tests and labs say goes to the log.
class Report {
public:
  explicit Report(const std::string& log) : own_(::dup(STDOUT_FILENO)) {
    const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    ::close(file);
  }

  void say(const std::string& line) const {
    std::printf("==== %s\n", line.c_str());
    std::fflush(stdout);
    ::dprintf(own_, "%s\n", line.c_str());
  }

private:
  int own_;
};

Result<void> plant(Lab& lab, const Fault& fault) {
  for (const auto& host : fault.hosts) {
    if (!fault.once.empty()) TANDEM_CHECK(lab.run_checked(host, {"bash", "-ec", fault.once}));
    if (fault.always.empty()) continue;
    TANDEM_CHECK(lab.write_file(host, always_file, fault.always + "\n"));
    TANDEM_CHECK(lab.run_checked(host, {"bash", "-n", always_file}));
    TANDEM_CHECK(lab.write_file(host, "/etc/systemd/system/planted.service", always_unit));
    TANDEM_CHECK(lab.run_checked(host, {"systemctl", "enable", "-q", "--now", "planted.service"}));
  }
  return {};
}

// Hears what the one test says, and ends it once it has seen the fault.
class Watcher final : public ::testing::EmptyTestEventListener {
public:
  void watch(const Fault& fault) {
    fault_ = &fault;
    run_ = {};
  }

  [[nodiscard]] const planted::Run& run() const { return run_; }

  void OnTestStart(const ::testing::TestInfo&) override { in_test_ = true; }

  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (!in_test_ || !result.failed()) return;
    const std::lock_guard lock(mutex_);
    const bool is_first = std::ranges::none_of(run_.failures, [&](const auto& one) { return shows(*fault_, one); });
    run_.failures.emplace_back(result.message());
    // What it would say after that is not asked for. googletest lets a listener throw this, and nothing else.
    if (is_first && shows(*fault_, result.message()) && ::gettid() == ::getpid() && std::uncaught_exceptions() == 0)
      throw ::testing::AssertionException(result);
  }

  void OnTestEnd(const ::testing::TestInfo& test) override {
    in_test_ = false;
    ++run_.tests;
    run_.skipped = test.result()->Skipped();
  }

private:
  const Fault* fault_ = nullptr;
  planted::Run run_;
  bool in_test_ = false;
  std::mutex mutex_; // of failures, which threads of a test have as well
};

// The shared pair as it was at first, or as it was made.
Result<void> make_whole(bool& has_snapshot) {
  TANDEM_TRY(auto* const lab, shared_servers());
  const auto to_log = [](const std::string& line) { show(line); };
  if (has_snapshot) {
    TANDEM_CHECK(lab->heal());
    TANDEM_CHECK(lab->restore(whole_pair, to_log));
  } else {
    TANDEM_CHECK(lab->snapshot(whole_pair, to_log));
    has_snapshot = true;
  }
  forget_preparations();
  if (const auto serving = wait_until_whole(*lab); serving != "uno")
    return failed("the pair is not as it was at first: \"" + serving + "\" is its primary");
  return {};
}

// Empty: the test was red by its fault.
std::string try_one(const Fault& fault, Watcher& watcher, bool& has_snapshot) {
  std::string trouble;
  const auto put = [&](Lab& lab) {
    if (const auto done = plant(lab, fault); !done) trouble = "cannot be planted: " + describe(done.error());
  };
  if (fault.own_lab) {
    when_a_lab_is_up(put);
  } else {
    if (const auto whole = make_whole(has_snapshot); !whole) return describe(whole.error());
    put(**shared_servers());
    if (!trouble.empty()) return trouble;
  }
  ::testing::GTEST_FLAG(filter) = fault.test;
  fault.key.empty() ? ::unsetenv("TANDEM_KEYS") : ::setenv("TANDEM_KEYS", fault.key.c_str(), 1);
  watcher.watch(fault);
  shorten_waits(fault.patience);
  [[maybe_unused]] const int status = RUN_ALL_TESTS(); // what the watcher has heard says more
  wait_as_long_as_asked();
  when_a_lab_is_up({});
  return trouble.empty() ? objection(fault, watcher.run()) : trouble;
}

std::vector<const Fault*> chosen(const std::vector<std::string>& names) {
  std::vector<const Fault*> faults;
  for (const auto& fault : planted::faults())
    if (names.empty() || std::ranges::count(names, fault.name) > 0) faults.push_back(&fault);
  return faults;
}

} // namespace

int run_planted(const std::vector<std::string>& names, const std::string& log) {
  const auto faults = chosen(names);
  if (faults.empty() || (!names.empty() && faults.size() != names.size())) {
    std::cerr << "these are the faults that can be planted:\n";
    for (const auto& fault : planted::faults())
      std::cerr << "  " << fault.name << ": " << fault.test << "\n";
    return 2;
  }
  const Report report(log);
  auto* const watcher = new Watcher; // gtest owns it
  ::testing::UnitTest::GetInstance()->listeners().Append(watcher);
  more_runs_come();
  int bad = 0;
  bool has_snapshot = false;
  for (const auto* fault : faults) {
    const auto begin = std::chrono::steady_clock::now();
    const auto objection = try_one(*fault, *watcher, has_snapshot);
    const auto took = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
    if (!objection.empty()) ++bad;
    report.say(fmt::format("{} ({}) in {}: {}, {} s", fault->row, fault->name, fault->test,
                           objection.empty() ? "red, as it must be" : objection, took.count()));
  }
  end_of_runs();
  report.say(fmt::format("planted: {} faults, {} seen, {} not", faults.size(), faults.size() - bad, bad));
  return bad == 0 ? 0 : 1;
}

} // namespace tandem::lab
