// A lock on a file, given back when it goes or when the process dies.
#pragma once
#include "base/result.hpp"
#include "system/descriptor.hpp"

#include <chrono>
#include <string>

namespace tandem::lab {

class Lock {
public:
  // Makes the file when it is missing; its folder must exist. refused when another process still holds it after the
  // limit; the message names that process where it is known.
  static Result<Lock> take(const std::string& file, std::chrono::milliseconds limit);

private:
  explicit Lock(system::Descriptor file) : file_(std::move(file)) {}

  system::Descriptor file_;
};

} // namespace tandem::lab
