// The sum of content that comes in pieces: XXH3 in 128 bits. Against errors, not against an enemy.
#pragma once
#include "system/folder_sum.hpp"

#include <memory>
#include <string_view>

namespace tandem::system {

class ContentSum {
public:
  ContentSum();
  void add(std::string_view bytes);
  [[nodiscard]] Sum sum() const;

private:
  std::unique_ptr<void, void (*)(void*)> state_;
};

} // namespace tandem::system
