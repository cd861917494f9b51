#include "replication/database/waiting.hpp"

namespace tandem::replication {

Result<bool> wait_until(const DatabaseTools& tools, std::chrono::milliseconds limit, std::chrono::milliseconds step,
                        const std::function<Result<bool>()>& condition) {
  const auto end = tools.clock.boot_time() + limit;
  for (;;) {
    TANDEM_TRY(const bool holds, condition());
    if (holds) return true;
    if (tools.clock.boot_time() >= end) return false;
    if (!tools.pause(step)) return failed("it was ended while it waited for PostgreSQL");
  }
}

} // namespace tandem::replication
