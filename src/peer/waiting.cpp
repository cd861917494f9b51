#include "peer/waiting.hpp"

#include <nlohmann/json.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>

namespace tandem::peer {

namespace {

struct Exchange {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Json> events;            // guarded by mutex
  std::optional<Result<Json>> answer; // guarded by mutex
};

} // namespace

Result<Json> wait_for_answer(Loop& loop, Ask ask, const Session::OnEvent& on_event,
                             const std::function<bool()>& ended) {
  const auto exchange = std::make_shared<Exchange>();
  loop.post([exchange, ask = std::move(ask)] {
    ask(
        [exchange](const Json& event) {
          const std::lock_guard lock(exchange->mutex);
          exchange->events.push_back(event);
          exchange->changed.notify_one();
        },
        [exchange](Result<Json> answer) {
          const std::lock_guard lock(exchange->mutex);
          exchange->answer.emplace(std::move(answer));
          exchange->changed.notify_one();
        });
  });
  constexpr std::chrono::milliseconds between_looks{100};
  std::unique_lock lock(exchange->mutex);
  for (;;) {
    while (
        !exchange->changed.wait_for(lock, between_looks, [&] { return exchange->answer || !exchange->events.empty(); }))
      if (ended && ended()) return fail(ErrorKind::unavailable, "the answer was not waited for any longer");
    while (!exchange->events.empty()) {
      const Json event = std::move(exchange->events.front());
      exchange->events.pop_front();
      lock.unlock();
      if (on_event) on_event(event);
      lock.lock();
    }
    if (exchange->answer) return *std::move(exchange->answer);
  }
}

} // namespace tandem::peer
