// Virtual time and the network between the simulated servers.
#pragma once
#include "simulation/random.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace tandem::testing {

using Time = std::chrono::milliseconds;

// What happens later, in order of time and then of being planned.
class Schedule {
public:
  [[nodiscard]] Time now() const { return now_; }

  void in(Time delay, std::function<void()> work) {
    queue_.push_back({now_ + delay, ++planned_, std::move(work)});
    std::ranges::push_heap(queue_, later);
  }

  // Does the next thing planned up to `end`; false when there is none, and it is `end` then.
  bool step(Time end) {
    if (queue_.empty() || queue_.front().at > end) {
      now_ = end;
      return false;
    }
    std::ranges::pop_heap(queue_, later);
    auto next = std::move(queue_.back());
    queue_.pop_back();
    now_ = next.at;
    next.work();
    return true;
  }

private:
  struct Planned {
    Time at;
    std::uint64_t order;
    std::function<void()> work;
  };

  static bool later(const Planned& one, const Planned& other) {
    return one.at != other.at ? one.at > other.at : one.order > other.order;
  }

  Time now_{0};
  std::uint64_t planned_ = 0;
  std::vector<Planned> queue_; // a heap, the next thing in front
};

struct Weather {
  unsigned loss = 0;    // percent of messages
  unsigned doubled = 0; // percent
  Time longest_delay{5};
};

class Network {
public:
  Network(Schedule& schedule, Random& random) : schedule_(schedule), random_(random) {}

  Weather weather;
  std::set<std::pair<std::string, std::string>> cut; // one direction each

  [[nodiscard]] bool linked(const std::string& a, const std::string& b) const {
    return !cut.contains({a, b}) && !cut.contains({b, a});
  }

  void send(const std::string& from, const std::string& to, std::function<void()> deliver) {
    const int copies = random_.chance(weather.doubled) ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
      if (cut.contains({from, to}) || random_.chance(weather.loss)) continue;
      const auto delay = 1 + random_.below(static_cast<std::uint64_t>(weather.longest_delay.count()));
      schedule_.in(Time(static_cast<std::int64_t>(delay)), copy + 1 < copies ? deliver : std::move(deliver));
    }
  }

private:
  Schedule& schedule_;
  Random& random_;
};

} // namespace tandem::testing
