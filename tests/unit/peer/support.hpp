// A loop on a thread of its own, and waiting for conditions.
#pragma once
#include "peer/authority.hpp"
#include "peer/loop.hpp"
#include "peer/network.hpp"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace tandem::peer::testing {

class RunningLoop {
public:
  RunningLoop() : thread_([this] { loop_.run(); }) {}

  ~RunningLoop() {
    loop_.stop();
    wait_for_end();
  }

  // Until somebody has stopped the loop.
  void wait_for_end() {
    if (thread_.joinable()) thread_.join();
  }

  Loop& operator*() { return loop_; }

  // Runs the function on the loop and returns what it returns.
  template <class Work>
  auto on(Work work) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto done = task.get_future();
    loop_.post([&task] { task(); });
    return done.get();
  }

private:
  Loop loop_;
  std::thread thread_;
};

// Whether the condition becomes true within a minute; looked at again and again.
template <class Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

inline Authority new_authority(const std::string& pair = "shops") {
  return Authority::make(pair, std::chrono::system_clock::now()).value();
}

inline Identity identity_of(const Authority& authority, const Subject& subject) {
  const auto issued = authority.issue(subject, std::chrono::system_clock::now(), server_lifetime).value();
  return {authority.certificate(), issued.certificate, issued.key};
}

inline Identity identity_of(const Authority& authority, const std::string& server) {
  return identity_of(authority, server_subject(server, {"127.0.0.1"}));
}

} // namespace tandem::peer::testing
