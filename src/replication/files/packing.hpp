// Which bytes are sent smaller than they are.
#pragma once
#include "system/compression.hpp"

#include <string>

namespace tandem::replication::stream {

// Below that it takes longer than it saves.
constexpr std::size_t least_to_pack = std::size_t{8} << 10U;

// Makes them smaller by a quarter at least, or leaves them as they are: false.
[[nodiscard]] inline bool pack_where_it_pays(std::string& bytes) {
  if (bytes.size() < least_to_pack) return false;
  auto packed = system::pack(bytes);
  if (packed.size() > bytes.size() - bytes.size() / 4) return false;
  bytes = std::move(packed);
  return true;
}

} // namespace tandem::replication::stream
