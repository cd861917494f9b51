// The outcome of a run, for a program (JSON) and for a person (a table).
#pragma once
#include "bench/load/figures.hpp"

#include <string>

namespace tandem::load {

// Translates moments of the run into UTC. Taken once, so that a clock that is set meanwhile changes nothing.
class WallClock {
public:
  WallClock() : moment_(Clock::now()), wall_(std::chrono::system_clock::now()) {}

  // 2026-05-04T12:00:00.123Z
  [[nodiscard]] std::string text(Moment moment) const;

private:
  Moment moment_;
  std::chrono::system_clock::time_point wall_;
};

struct Summary {
  std::string run, domain, stopped_by;
  double rate = 0;
  WallClock wall;
  Moment begun, stopped, ended;
  std::uint64_t connections_opened = 0, connections_reused = 0;
  Figures figures;
};

[[nodiscard]] std::string to_json(const Summary& summary);
[[nodiscard]] std::string to_text(const Summary& summary);

} // namespace tandem::load
