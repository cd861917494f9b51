// System calls that fail: those of replication and of what it stands on, wrapped by the linker (tests/CMakeLists.txt).
#pragma once
#include <cstdint>
#include <string>

namespace tandem::faults {

// While one lives, one of so many calls fails, in all threads but that of its maker: with an error that the call may
// have, or with less done than was asked for. One at a time.
class Faults {
public:
  Faults(unsigned seed, unsigned one_in);
  ~Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  // Which calls failed, and how often.
  [[nodiscard]] static std::string told();
  // Of calls by that name alone, from here on; empty: of all.
  static void only(const std::string& call);
  [[nodiscard]] static std::uint64_t count();
};

} // namespace tandem::faults
