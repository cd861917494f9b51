// What keeps the standby's /www equal: tandem, and lsyncd as it is installed and as fast as it can be set.
#pragma once
#include "lab/shop_pair.hpp"

#include <functional>

namespace tandem::bench {

struct Mirror {
  std::string name;
  bool quick = true; // else one change takes many seconds, and fewer are measured
  std::function<Result<void>()> start;
  std::function<Result<void>()> stop;
  // Programs of it on the primary and on the standby, as pidof(1) knows them.
  std::vector<std::string> programs;
  // Compares all files while it runs; "": it has no such thing.
  std::string compare = {};
};

// A pair without sites, its files streamed.
Result<void> set_up_tandem(lab::Lab& lab, lab::ShopPair& pair);
// ssh from uno to duo without a question, and lsyncd on uno.
Result<void> set_up_lsyncd(lab::Lab& lab);

[[nodiscard]] std::vector<Mirror> all_mirrors(lab::Lab& lab);

} // namespace tandem::bench
