// The floor: the primary's PostgreSQL stopped fast and the standby promoted, by a script without a pause.
#pragma once
#include "lab/lab.hpp"

namespace tandem::bench {

// Milliseconds from the stop's beginning on `from` until `to` has taken a write; then makes `from` its standby. The
// servers' agents must not run meanwhile.
Result<double> change_by_hand(lab::Lab& lab, const std::string& from, const std::string& to);

} // namespace tandem::bench
