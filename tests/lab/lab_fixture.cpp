#include "lab_fixture.hpp"

#include "base/text.hpp"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <iostream>
#include <memory>
#include <ranges>

namespace tandem::lab {

namespace fs = std::filesystem;

namespace {

void say(const std::string& line) {
  std::cerr << "[lab] " << line << std::endl;
}

// test-PID-NUMBER: the process that made it can be told from the name.
std::string unique_name() {
  static std::atomic<int> count = 0;
  return "test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

void take_down_labs_of_dead_tests() {
  std::error_code error;
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(Names::all_labs(), error)) {
    const auto name = entry.path().filename().string();
    const auto parts = split(name, '-');
    if (parts.size() == 3 && parts[0] == "test" && !fs::exists("/proc/" + parts[1])) left.push_back(name);
  }
  for (const auto& name : left)
    static_cast<void>(Lab::down(name, say));
}

std::unique_ptr<OwnLab>& shared() {
  static std::unique_ptr<OwnLab> lab;
  return lab;
}

struct End {
  std::vector<std::function<void()>> work;
  bool is_far = false;

  // The latest first, as it would be of one run.
  void come() const {
    for (const auto& one : std::ranges::reverse_view(work))
      one();
  }
};

End& end() {
  static End end;
  return end;
}

class AtTheEnd final : public ::testing::Environment {
public:
  void TearDown() override {
    if (!end().is_far) end().come();
  }
};

std::function<void(Lab&)>& on_new_labs() {
  static std::function<void(Lab&)> work;
  return work;
}

[[maybe_unused]] const bool registered = at_the_end([] { shared().reset(); });

Result<Lab> make_lab(const std::string& name, const std::string& release) {
  static const bool cleaned = (take_down_labs_of_dead_tests(), true);
  static_cast<void>(cleaned);
  return Lab::up({.name = name, .release = release}, say);
}

} // namespace

bool at_the_end(std::function<void()> work) {
  if (end().work.empty()) ::testing::AddGlobalTestEnvironment(new AtTheEnd); // gtest owns it
  end().work.push_back(std::move(work));
  return true;
}

void more_runs_come() {
  end().is_far = true;
}

void end_of_runs() {
  end().come();
}

void when_a_lab_is_up(std::function<void(Lab&)> work) {
  on_new_labs() = std::move(work);
}

std::string tested_release() {
  const char* given = std::getenv("TANDEM_LAB_RELEASE");
  return given == nullptr ? "bookworm" : given;
}

OwnLab::OwnLab(const std::string& release) : lab_(failed("not made yet")), name_(unique_name()) {
  lab_ = make_lab(name_, release);
  if (!lab_) ADD_FAILURE() << "the lab does not come up: " << describe(lab_.error());
  if (lab_ && on_new_labs()) on_new_labs()(*lab_);
}

OwnLab::~OwnLab() {
  if (const auto down = Lab::down(name_, say); !down)
    ADD_FAILURE() << "the lab does not go down: " << describe(down.error());
}

std::string on(Lab& lab, const std::string& host, const std::string& line) {
  const auto outcome = lab.run(host, {"bash", "-c", line});
  if (!outcome) {
    ADD_FAILURE() << host << ": " << line << ": " << describe(outcome.error());
    return {};
  }
  if (!outcome->ok())
    ADD_FAILURE() << host << ": " << line << ": status " << outcome->status << "\n"
                  << outcome->output << outcome->errors;
  return std::string(trim(outcome->output));
}

bool holds_on(Lab& lab, const std::string& host, const std::string& line, std::chrono::milliseconds limit) {
  const auto outcome = lab.run(host, {"bash", "-c", line}, {.time_limit = limit});
  return outcome && outcome->ok();
}

Lab& SharedLabTest::lab() {
  return **shared();
}

void SharedLabTest::SetUp() {
  if (!shared() || !shared()->ok()) shared() = std::make_unique<OwnLab>();
  if (!shared()->ok()) GTEST_FAIL() << "there is no lab to test on";
  ASSERT_OK(lab().heal());
  for (const auto& host : hosts) {
    const std::string name(host.name);
    if (lab().state(name).power == HostState::Power::frozen) ASSERT_OK(lab().thaw(name));
    ASSERT_OK(lab().boot(name));
  }
}

} // namespace tandem::lab
