// What shows that the proofs in docs/coverage.md prove something: for each row a fault that is planted on the servers,
// from outside of tandem, and that the row's test must see. The unit tests of the house hold the table against the
// document; `tandem-lab-tests --planted` plants the faults, one after the other.
#pragma once
#include <chrono>
#include <string>
#include <vector>

namespace tandem::planted {

// Which servers have it. When a test begins, uno is the primary and duo its standby; tre is the world around them.
using Hosts = std::vector<std::string>;

struct Fault {
  std::string name; // for --planted=NAME
  std::string row;  // the first cell of its row in docs/coverage.md
  std::string test; // that must turn red, as gtest names it; one of those that the row names
  Hosts hosts;
  std::string once = {};   // shell lines, before the test begins; a line that fails ends the run
  std::string always = {}; // shell lines, some ten times a second until the test is over, after a boot as well
  // What stands in the message of the one failure by which the test sees it. That a test fails is not enough: a fault
  // may keep it from getting as far as what it proves.
  std::vector<std::string> seen;
  bool own_lab = false;                                    // the test makes its own servers
  std::string key = {};                                    // of Keys: the one whose proof is asked for
  std::chrono::seconds patience = std::chrono::minutes(1); // longer waits of the test end then
};

[[nodiscard]] const std::vector<Fault>& faults();

[[nodiscard]] std::vector<Fault> faults_of_servers(); // what is set up on them
[[nodiscard]] std::vector<Fault> faults_of_sites();   // what a site asks for
[[nodiscard]] std::vector<Fault> faults_of_roles();   // a primary and its standby

// What became of the test while the fault was there.
struct Run {
  int tests = 0; // that ran to their end or to their failure; none where no test has that name
  bool skipped = false;
  std::vector<std::string> failures; // their messages
};

// Whether that failure is the one by which the test sees the fault.
[[nodiscard]] bool shows(const Fault& fault, const std::string& failure);
// Empty: the test was red, as it must be. Else what is wrong with it.
[[nodiscard]] std::string objection(const Fault& fault, const Run& run);

} // namespace tandem::planted
