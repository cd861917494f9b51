// What lab tests share: a booted lab that is taken down at the end, also after a failing test.
#pragma once
#include "lab/lab.hpp"
#include "lab/wait.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>

namespace tandem::lab {

// The release of the labs that do not say theirs: TANDEM_LAB_RELEASE, bookworm where it is not given.
std::string tested_release();

// A fresh lab with a name of its own, taken down with the object. The test fails when it does not come up or does not
// go down. What tests that were killed have left is taken down before the first one.
class OwnLab {
public:
  explicit OwnLab(const std::string& release = tested_release());
  ~OwnLab();
  OwnLab(const OwnLab&) = delete;
  OwnLab& operator=(const OwnLab&) = delete;

  [[nodiscard]] bool ok() const { return lab_.has_value(); }

  Lab& operator*() { return *lab_; }

  Lab* operator->() { return &*lab_; }

private:
  Result<Lab> lab_;
  std::string name_;
};

// Called after the last test of the program, whatever their results. For static initialisers.
bool at_the_end(std::function<void()> work);

// The program runs its tests several times: what is for the end waits for end_of_runs().
void more_runs_come();
void end_of_runs();

// Called with each lab that a test makes, once it is up.
void when_a_lab_is_up(std::function<void(Lab&)> work);

// Runs a shell line on a host as root. A failing one fails the test with its words; gives its output without the last
// line end.
std::string on(Lab& lab, const std::string& host, const std::string& line);
// Whether a shell line succeeds on the host within a short time. For conditions.
bool holds_on(Lab& lab, const std::string& host, const std::string& line,
              std::chrono::milliseconds limit = std::chrono::seconds(5));

// Tests on one lab that the whole process shares, booted at first use and taken down at the end of the program.
// Before each test it is whole: all hosts run, none is frozen or parted. Files that earlier tests wrote are still
// there.
class SharedLabTest : public ::testing::Test {
protected:
  void SetUp() override;
  [[nodiscard]] static Lab& lab();

  static std::string on(const std::string& host, const std::string& line) { return lab::on(lab(), host, line); }

  static bool holds_on(const std::string& host, const std::string& line,
                       std::chrono::milliseconds limit = std::chrono::seconds(5)) {
    return lab::holds_on(lab(), host, line, limit);
  }
};

} // namespace tandem::lab

// A Result that must be a value: ASSERT_OK(lab().cut("uno"));
#define ASSERT_OK(expression)                                                                                          \
  do {                                                                                                                 \
    const auto& tested = (expression);                                                                                 \
    ASSERT_TRUE(tested.has_value()) << ::tandem::describe(tested.error());                                             \
  } while (false)
