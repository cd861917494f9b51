// From what was read on a server that was set up by hand to a tandem.toml for it and its standby, and a list of what
// could not be understood. Pure.
#pragma once
#include "adopt/draft.hpp"
#include "base/result.hpp"

namespace tandem::adopt {

struct Adopted {
  model::Pair pair;
  std::string toml;                           // `tandem check` finds nothing wrong with it
  std::map<std::string, std::string> secrets; // path relative to its folder -> content, for root's eyes
  std::vector<Remark> strange;
  std::vector<Remark> replaced;
  model::ByHand by_hand; // what an apply goes on with, and ends
};

// refused: it is tandem's already, or a standby; invalid: a wish that cannot be.
[[nodiscard]] Result<Adopted> adopt(const Found& found, const Wishes& wishes);

// "FILE:LINE: text"
[[nodiscard]] std::string format(const Remark& remark);

} // namespace tandem::adopt
