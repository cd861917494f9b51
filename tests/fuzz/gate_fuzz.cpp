// layer: agent
// Requests as nginx, or anybody else, may send them to the gate: the same in one piece as byte by byte.
#include "agent/http_head.hpp"

#include <cstdlib>

namespace {

std::string heads_of(std::string_view bytes, std::size_t step) {
  tandem::agent::HttpHeadReader reader;
  std::string all;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.take(bytes.substr(at, step));
    for (;;) {
      const auto head = reader.next();
      if (!head) return all + "|bad";
      if (!*head) break;
      all += "|" + (*head)->method + " " + (*head)->target;
    }
  }
  return all;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size > 32768) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (heads_of(bytes, size == 0 ? 1 : size) != heads_of(bytes, 1)) std::abort();
  return 0;
}
