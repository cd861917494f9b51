// layer: peer
// Whatever bytes come: frames and messages are read without a crash, the same in one piece as in two, and what is
// accepted as a message reads back as it was.
#include "peer/frame.hpp"
#include "peer/message.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>

namespace {

using namespace tandem::peer;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_message(std::string_view text) {
  const auto message = decode(text);
  if (!message) return;
  const std::string written = encode(*message);
  const auto again = decode(written);
  require(again.has_value());
  require(encode(*again) == written);
}

std::string frames_of(std::string_view bytes, std::size_t cut) {
  FrameReader reader(largest_stranger_frame);
  std::string all;
  for (const auto piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    reader.take(piece);
    for (;;) {
      const auto frame = reader.next();
      if (!frame) return all + "|bad";
      if (!*frame) break;
      all += "|" + **frame;
    }
  }
  return all;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_message(bytes);
  require(frames_of(bytes, size) == frames_of(bytes, size / 2));
  FrameReader reader;
  reader.take(bytes);
  for (auto frame = reader.next(); frame && *frame; frame = reader.next())
    check_message(**frame);
  return 0;
}
