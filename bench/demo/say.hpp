// What the demo tells, line by line.
#pragma once
#include <iostream>
#include <string>

namespace tandem::demo {

inline void say(const std::string& line) {
  std::cout << "  " << line << std::endl;
}

} // namespace tandem::demo
