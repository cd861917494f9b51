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

class Turns {
public:
  // Waits until it is the server's turn; taking it twice is the same as once. unavailable after the limit.
  Result<void> take(const std::string& what, const std::string& server, std::chrono::seconds limit);
  void give_back(const std::string& what, const std::string& server);
  // A server that is gone holds nothing any more.
  void forget(const std::string& server);

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> holders_; // guarded by mutex_
};

} // namespace tandem::agent
