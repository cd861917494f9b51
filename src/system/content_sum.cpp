#define XXH_INLINE_ALL
#include "system/content_sum.hpp"

#include <xxhash.h>

namespace tandem::system {

namespace {

XXH3_state_t* state_of(void* state) {
  return static_cast<XXH3_state_t*>(state);
}

} // namespace

ContentSum::ContentSum() : state_(XXH3_createState(), [](void* state) { XXH3_freeState(state_of(state)); }) {
  if (!state_) throw std::bad_alloc();
  XXH3_128bits_reset(state_of(state_.get()));
}

void ContentSum::add(std::string_view bytes) {
  XXH3_128bits_update(state_of(state_.get()), bytes.data(), bytes.size());
}

Sum ContentSum::sum() const {
  const auto hash = XXH3_128bits_digest(state_of(state_.get()));
  return {.high = hash.high64, .low = hash.low64};
}

} // namespace tandem::system
