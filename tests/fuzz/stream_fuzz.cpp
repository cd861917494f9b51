// layer: replication
// Whatever bytes come: messages of the file stream are read without a crash, the same in one piece as in two, and what
// is accepted reads back as it was. Patterns match without end or crash.
#include "replication/files/patterns.hpp"
#include "replication/files/stream_messages.hpp"

#include <cstdlib>

namespace {

using namespace tandem::replication;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string messages_of(std::string_view bytes, std::size_t cut) {
  stream::Reader reader;
  std::string all;
  for (const auto piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    reader.take(piece);
    for (;;) {
      const auto message = reader.next();
      if (!message) return all + "|bad";
      if (!*message) break;
      all += "|" + stream::encode(**message);
    }
  }
  return all;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  require(messages_of(bytes, size) == messages_of(bytes, size / 2));
  if (const auto message = stream::decode(bytes)) {
    const auto again = stream::decode(std::string_view(stream::encode(*message)).substr(4));
    require(again.has_value() && stream::encode(*again) == stream::encode(*message));
  }
  const auto half = size / 2;
  const Patterns patterns({std::string(bytes.substr(0, half))});
  static_cast<void>(patterns.leave_out(bytes.substr(half), size % 2 == 0));
  return 0;
}
