#include "system/compression.hpp"

#include <zstd.h>

namespace tandem::system {

// There is room for the worst that may become of them, so it does not fail but for want of memory.
std::string pack(std::string_view bytes) {
  std::string packed;
  std::size_t size = 0;
  packed.resize_and_overwrite(ZSTD_compressBound(bytes.size()), [&](char* room, std::size_t length) {
    size = ZSTD_compress(room, length, bytes.data(), bytes.size(), 1);
    return ZSTD_isError(size) != 0 ? 0 : size;
  });
  if (ZSTD_isError(size) != 0) throw std::bad_alloc();
  return packed;
}

Result<std::string> unpack(std::string_view packed, std::size_t most) {
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size > most)
    return fail(ErrorKind::invalid, "packed bytes are broken, or too many"); // its errors are large numbers
  std::string bytes;
  std::size_t got = 0;
  bytes.resize_and_overwrite(size, [&](char* room, std::size_t length) {
    got = ZSTD_decompress(room, length, packed.data(), packed.size());
    return ZSTD_isError(got) != 0 ? 0 : got;
  });
  if (ZSTD_isError(got) != 0 || got != size) return fail(ErrorKind::invalid, "packed bytes are broken");
  return bytes;
}

} // namespace tandem::system
