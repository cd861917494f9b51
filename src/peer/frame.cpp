#include "peer/frame.hpp"

namespace tandem::peer {

std::string framed(std::string_view payload) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  std::string frame;
  frame.reserve(payload.size() + 4);
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    frame += static_cast<char>(static_cast<unsigned char>(size >> shift));
  frame += payload;
  return frame;
}

Result<std::size_t> frame_length(const std::array<unsigned char, 4>& header, std::size_t limit) {
  std::size_t length = 0;
  for (const unsigned char byte : header)
    length = length << 8U | byte;
  if (length > limit)
    return fail(ErrorKind::invalid, fmt::format("a message of {} bytes, more than the {} allowed", length, limit));
  return length;
}

Result<std::optional<std::string>> FrameReader::next() {
  std::array<unsigned char, 4> header{};
  if (buffer_.size() < header.size()) return std::nullopt;
  for (std::size_t i = 0; i < header.size(); ++i)
    header[i] = static_cast<unsigned char>(buffer_[i]);
  TANDEM_TRY(const std::size_t length, frame_length(header, limit_));
  if (buffer_.size() < header.size() + length) return std::nullopt;
  std::string payload = buffer_.substr(header.size(), length);
  buffer_.erase(0, header.size() + length);
  return payload;
}

} // namespace tandem::peer
