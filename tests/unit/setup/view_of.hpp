// What setup is told of one server of a pair whose users andrey and nikolays have their uids.
#pragma once
#include "setup/view.hpp"

namespace tandem::setup::testing {

inline View view_of(const model::Pair& pair, const std::string& self) {
  return {.pair = pair,
          .self = self,
          .primary = "uno",
          .release = {"bookworm", 15},
          .uids = {{"andrey", 1000}, {"nikolays", 1001}},
          .ca_certificate = "CA\n",
          .secrets = {{"/etc/tandem/htpasswd", "ops:hash\n"}},
          .site_unit = "[Service]\n"};
}

} // namespace tandem::setup::testing
