// layer: load
// The answer parser: whatever comes, in whatever pieces, gives the same result and never more than was sent.
#include "bench/load/http1.hpp"
#include "bench/load/shop.hpp"

#include <cstdlib>

namespace {

using tandem::load::Http1Parser;

void require(bool holds) {
  if (!holds) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Http1Parser whole;
  std::size_t used = whole.feed(text);
  require(used <= text.size());

  Http1Parser pieces;
  const std::size_t step = 1 + data[0] % 16;
  std::size_t used_in_pieces = 0;
  for (std::size_t at = 0; at < text.size(); at += step)
    used_in_pieces += pieces.feed(text.substr(at, step));
  require(used == used_in_pieces);
  require(whole.done() == pieces.done() && whole.broken() == pieces.broken());
  require(whole.reusable() == pieces.reusable());
  whole.end_of_stream(true);
  auto first = whole.take();
  auto second = pieces.take();
  require(first.status == second.status && first.body == second.body);
  (void)tandem::load::form_token(text);
  tandem::load::Visitor visitor;
  tandem::load::take_cookies(visitor, first);
  return 0;
}
