#include "system/processes.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace tandem::system {

using std::chrono::milliseconds;

TEST(Processes, OutputErrorsAndStatusComeBack) {
  LinuxProcesses processes;
  const auto outcome = processes.run({.arguments = {"sh", "-c", "echo out; echo err >&2; exit 3"}});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output, "out\n");
  EXPECT_EQ(outcome->errors, "err\n");
  EXPECT_EQ(outcome->status, 3);
  EXPECT_FALSE(outcome->ok());
}

TEST(Processes, InputLargerThanAPipeArrives) {
  LinuxProcesses processes;
  const std::string input(3'000'000, 'x');
  const auto outcome = processes.run({.arguments = {"wc", "-c"}, .input = input});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output, "3000000\n");
}

TEST(Processes, AProgramThatDoesNotReadItsInputIsNoError) {
  LinuxProcesses processes;
  const auto outcome = processes.run({.arguments = {"true"}, .input = std::string(3'000'000, 'x')});
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->ok());
}

TEST(Processes, AProgramThatIsNotThereIsAnError) {
  LinuxProcesses processes;
  const auto outcome = processes.run({.arguments = {"no-such-program-anywhere"}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::not_found);
}

TEST(Processes, ARunOverItsLimitIsEndedWithAllItsChildren) {
  LinuxProcesses processes;
  const auto outcome = processes.run({.arguments = {"sh", "-c", "trap '' TERM; while :; do read line </dev/zero; done"},
                                      .time_limit = milliseconds(200)});
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->timed_out);
}

TEST(Processes, ADaemonThatKeepsTheStreamsOpenDoesNotHoldTheCaller) {
  LinuxProcesses processes;
  // The grandchild ends by itself when its standard input, held by nobody, has ended: it waits for a process that
  // outlives the call by far.
  const auto outcome = processes.run({.arguments = {"sh", "-c", "(exec tail -f /dev/null --pid=$PPID) & echo started"},
                                      .time_limit = milliseconds(30'000)});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output, "started\n");
  EXPECT_FALSE(outcome->timed_out);
}

TEST(Processes, NobodyWhoNeverStopsTalkingHoldsTheCaller) {
  LinuxProcesses processes;
  const auto over = processes.run({.arguments = {"yes"}, .time_limit = std::chrono::milliseconds(200)});
  ASSERT_TRUE(over);
  EXPECT_TRUE(over->timed_out);
  // What an ended program left behind talks on until nobody reads it any more.
  const auto left = processes.run({.arguments = {"sh", "-c", "yes & echo $!"}, .time_limit = std::chrono::minutes(2)});
  ASSERT_TRUE(left);
  EXPECT_FALSE(left->timed_out);
  EXPECT_EQ(left->status, 0);
}

TEST(Processes, LinesArriveWhole) {
  LinuxProcesses processes;
  std::vector<std::string> lines;
  ASSERT_TRUE(processes.run({.arguments = {"printf", "one\\ntwo\\nthree"}},
                            [&](std::string_view line) { lines.emplace_back(line); }));
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "three"}));
}

TEST(Processes, TheEnvironmentIsACleanOne) {
  ::setenv("TANDEM_TEST_LEAK", "1", 1);
  LinuxProcesses processes;
  const auto outcome = processes.run({.arguments = {"env"}, .environment = {{"WANTED", "yes"}}});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output.find("TANDEM_TEST_LEAK"), std::string::npos);
  EXPECT_NE(outcome->output.find("WANTED=yes"), std::string::npos);
}

TEST(Processes, RunCheckedQuotesWhatTheProgramSaid) {
  LinuxProcesses processes;
  const auto outcome = run_checked(processes, {.arguments = {"sh", "-c", "echo no space >&2; exit 1"}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "sh ended with status 1: no space");
}

} // namespace tandem::system
