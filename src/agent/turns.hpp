// Turns at reloading or restarting a service: of each service, one server at a time. Kept by the server where `apply`
// runs. Thread-safe; waiting costs a worker thread.
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

namespace tandem::agent {

// Whose turn it is.
enum class TurnOf {
  apply,  // of the whole pair: what one server does not survive is not tried on the next
  repair, // of one server by itself: it concerns no other
};

class Turns {
public:
  // A new apply: what failed in the one before may be tried again.
  void begin();
  // Waits until it is the server's turn; taking it twice is the same as once. unavailable after the limit; refused when
  // it is for an apply and failed on a server in this one.
  Result<void> take(const std::string& what, const std::string& server, std::chrono::seconds limit,
                    TurnOf whose = TurnOf::apply);
  // `done`: the service is there again. What is not counts as failed in this apply.
  void give_back(const std::string& what, const std::string& server, bool done);
  // A server that is gone holds nothing any more.
  void forget(const std::string& server);

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> holders_; // guarded by mutex_, as are all below
  std::map<std::string, std::string> failed_;  // what, and on which server
};

} // namespace tandem::agent
