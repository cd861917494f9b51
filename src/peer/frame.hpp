// Frames: four bytes of length (most significant first), then as many bytes of payload. Pure.
#pragma once
#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::peer {

constexpr std::size_t largest_frame = std::size_t{4} << 20U;
// What somebody without a certificate may send before it has proved anything.
constexpr std::size_t largest_stranger_frame = std::size_t{64} << 10U;

// The payload with its length before it. The payload is at most largest_frame bytes long (the caller's duty).
std::string framed(std::string_view payload);
// The length in four bytes; an error of kind invalid when it is above the limit. Zero is a legal length.
Result<std::size_t> frame_length(const std::array<unsigned char, 4>& header, std::size_t limit);

// Takes bytes as they come and gives whole frames.
class FrameReader {
public:
  explicit FrameReader(std::size_t limit = largest_frame) : limit_(limit) {}

  void take(std::string_view bytes) { buffer_ += bytes; }

  // The next whole payload; nullopt when more bytes are needed. After an error the reader is of no more use.
  Result<std::optional<std::string>> next();

  // Whether the bytes so far end inside a frame: a connection that closes here was cut short.
  [[nodiscard]] bool in_the_middle() const { return !buffer_.empty(); }

private:
  std::size_t limit_;
  std::string buffer_;
};

} // namespace tandem::peer
