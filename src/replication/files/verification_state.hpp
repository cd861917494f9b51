// How far a comparison of all content has come.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tandem::replication::stream {

struct VerificationState {
  std::uint64_t number = 0; // of the verification
  std::uint64_t files = 0;  // that were compared
  std::uint64_t bytes = 0;
  std::uint64_t passed_over = 0;       // files and folders that changed meanwhile, or had not come to the standby yet
  std::uint64_t differences = 0;       // files
  std::vector<std::string> paths = {}; // of the first thousand of these
  std::string problem = {};            // the first file that could not be read here
  bool done = false;
};

} // namespace tandem::replication::stream
