// What a run counts while it goes, and the summary made of it. No I/O.
#pragma once
#include "bench/load/loop.hpp"
#include "bench/load/mix.hpp"

#include <array>
#include <map>
#include <string>
#include <vector>

namespace tandem::load {

struct Quantiles {
  std::uint64_t n = 0;
  double p50 = 0, p90 = 0, p99 = 0, max = 0; // milliseconds
};

// By nearest rank: the smallest sample that at least that share of all samples does not exceed. All 0 for none.
[[nodiscard]] Quantiles quantiles_of(std::vector<float> milliseconds);

// The longest time between two events, and from the last one to the end of the watch. The time before the first one
// does not count: it is the schedule's and the first handshakes', unless no event comes at all.
class Pauses {
public:
  struct Pause {
    Moment from, to;

    [[nodiscard]] double milliseconds() const { return std::chrono::duration<double, std::milli>(to - from).count(); }
  };

  void begin(Moment moment) { last_ = longest_.from = longest_.to = moment; }

  // In the order of time.
  void mark(Moment moment);
  // Counts the time since the last event as well, unless events came later than this end.
  void end(Moment moment);

  [[nodiscard]] const Pause& longest() const { return longest_; }

private:
  Moment last_;
  bool any_ = false;
  Pause longest_;
};

// One request as far as the figures care.
struct Measured {
  Kind kind = Kind::home;
  Protocol protocol = Protocol::http1;
  bool fresh = false;
  Moment scheduled;
  std::string reference; // of a write
};

struct FailedRequest {
  Measured request;
  Failure failure;
  Moment at;
};

// Sums since the last call of Figures::second().
struct Second {
  std::uint64_t started = 0, answered = 0, failed = 0;
  double worst_ms = 0; // the longest wait of those that ended, slow kinds left out
  std::string worst_kind;
};

class Figures {
public:
  void begin(Moment moment);
  void started(const Measured& request, Moment now);
  void answered(const Measured& request, Moment now);
  void failed(const Measured& request, const Failure& failure, Moment now);
  // No more requests are started; pauses are counted up to here.
  void stopped(Moment moment);
  void end();

  [[nodiscard]] Second second() { return std::exchange(second_, {}); }

  struct Latency {
    std::string kind, protocol; // "all" where they are taken together
    Quantiles quantiles;
  };

  struct Cause {
    std::string kind, protocol, reason;
    std::uint64_t count = 0;
    Moment first, last;
  };

  [[nodiscard]] std::vector<Latency> latencies() const;
  [[nodiscard]] std::vector<Cause> causes() const;

  std::uint64_t requests = 0, ok = 0, failures = 0;
  std::uint64_t writes = 0, acknowledged = 0, failed_writes = 0;
  std::uint64_t on_fresh = 0, on_http2 = 0;
  double start_delay_ms = 0;  // the longest by which the tool itself was late to start a request
  double longest_wait_ms = 0; // of any request, failed ones too, slow kinds left out
  Pauses write_pauses, answer_pauses;
  std::vector<FailedRequest> first_failed; // the first hundred

private:
  void waited(const Measured& request, Moment now);

  static constexpr std::size_t kind_count = 8;
  std::array<std::vector<float>, kind_count * 2> samples_; // milliseconds from the scheduled moment to the answer
  std::map<std::string, Cause> causes_;
  bool stopped_ = false;
  Moment stop_;
  Second second_;
};

} // namespace tandem::load
