// Threads for work that blocks: disk, other programs, waiting for a peer. They own nothing.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tandem::agent {

class Workers {
public:
  // Threads are made when work comes and none is free, up to `most`; they stay.
  explicit Workers(std::size_t most = 32) : most_(most) {}

  // Waits for what runs; what has not begun is dropped.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Any thread.
  void submit(std::function<void()> work);
  // Nothing runs, and nothing waits to.
  [[nodiscard]] bool idle();

private:
  void work();

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_; // guarded by mutex_, as are all below
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

} // namespace tandem::agent
