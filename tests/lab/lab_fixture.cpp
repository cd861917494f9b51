#include "lab_fixture.hpp"

#include "base/text.hpp"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <iostream>
#include <memory>

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

class AtTheEnd final : public ::testing::Environment {
public:
  explicit AtTheEnd(std::function<void()> work) : work_(std::move(work)) {}

  void TearDown() override { work_(); }

private:
  std::function<void()> work_;
};

[[maybe_unused]] const bool registered = at_the_end([] { shared().reset(); });

Result<Lab> make_lab(const std::string& name, const std::string& release) {
  static const bool cleaned = (take_down_labs_of_dead_tests(), true);
  static_cast<void>(cleaned);
  return Lab::up({.name = name, .release = release}, say);
}

} // namespace

bool at_the_end(std::function<void()> work) {
  ::testing::AddGlobalTestEnvironment(new AtTheEnd(std::move(work))); // gtest owns it
  return true;
}

std::string tested_release() {
  const char* given = std::getenv("TANDEM_LAB_RELEASE");
  return given == nullptr ? "bookworm" : given;
}

OwnLab::OwnLab(const std::string& release) : lab_(failed("not made yet")), name_(unique_name()) {
  lab_ = make_lab(name_, release);
  if (!lab_) ADD_FAILURE() << "the lab does not come up: " << describe(lab_.error());
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
