#include "agent/calm_moment.hpp"

#include <algorithm>

namespace tandem::agent {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds quick_drain{400};
constexpr milliseconds shortest_settle{10'000};

} // namespace

Result<void> close_in_calm(const CalmPorts& ports) {
  for (;;) {
    // The standby's disk is brought up to date just before, so that the last files need not wait for it long. What they
    // do not touch themselves is made durable by this alone.
    TANDEM_CHECK(ports.settle(std::max(ports.left(), shortest_settle)));
    TANDEM_TRY(const bool calm, ports.is_calm(std::min(ports.left(), milliseconds(settled_for))));
    // It may have taken long: whoever asked may have given it up, and visitors must not wait for nobody.
    if (ports.ended()) return fail(ErrorKind::unavailable, "it was given up while it waited for a calm moment");
    if (ports.left() == milliseconds(0)) return {};
    if (!calm) continue;
    TANDEM_CHECK(ports.close_gate());
    TANDEM_TRY(const bool drained, ports.drained(quick_drain));
    if (drained) return {};
    TANDEM_CHECK(ports.open_gate());
  }
}

} // namespace tandem::agent
