// layer: system
// Whatever bytes come: sums of a file, what is new in one and packed bytes are read without a crash or end, and what
// comes out of them is bounded.
#include "system/compression.hpp"
#include "system/delta.hpp"
#include "system/node.hpp"

#include <fcntl.h>

#include <cstdlib>

namespace {

using namespace tandem::system;

constexpr std::size_t most = std::size_t{1} << 20U;

void require(bool holds) {
  if (!holds) std::abort();
}

const Descriptor& old_file() {
  static const Descriptor file = [] {
    Descriptor made(::open("/var/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
    require(write_piece(made.get(), 0, std::string(100'000, 'x')).has_value());
    return made;
  }();
  return file;
}

// As long as something comes out, and not more than somebody would wait for: a delta of some bytes may copy the old
// content again and again.
void drain(DeltaJob job, std::string_view bytes) {
  job.give(std::string(bytes), false);
  for (int steps = 0; steps < 100; ++steps) {
    const auto out = job.next();
    if (!out || out->empty()) return;
    require(out->size() <= DeltaJob::step);
  }
}

void compare_by(std::string_view bytes) {
  auto sums = DeltaSums::begin();
  require(sums.has_value());
  if (!sums->take(std::string(bytes.substr(0, bytes.size() / 2))) ||
      !sums->take(std::string(bytes.substr(bytes.size() / 2))))
    return;
  auto all = sums->finish();
  if (!all) return;
  auto job = DeltaJob::compare(std::move(*all));
  require(job.has_value());
  drain(std::move(*job), bytes);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto unpacked = unpack(bytes, most)) require(unpacked->size() <= most);
  compare_by(bytes);
  auto job = DeltaJob::rebuild(old_file().get());
  require(job.has_value());
  drain(std::move(*job), bytes);
  return 0;
}
