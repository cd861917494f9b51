// Whether the proofs of docs/coverage.md prove anything: their tests, run while a fault is on the servers.
#pragma once
#include <string>
#include <vector>

namespace tandem::lab {

// Plants the faults of tests/planted, one after the other, and runs the test of each: all of them, or those of the
// given names. Says of each whether its test turned red by it; what the tests say goes to `log`. The status of the
// program: 0 when every one did, 2 when there is no fault of a name.
int run_planted(const std::vector<std::string>& names, const std::string& log);

} // namespace tandem::lab
