// Writes pieces of large files on a thread of its own: a disk that is slow for the one large file keeps nobody's small
// ones. In the order in which they are given.
#pragma once
#include "system/link.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace tandem::replication::stream {

class PieceWriter {
public:
  // One that is being written. Its members are the writer's but for the descriptor.
  struct File {
    system::Descriptor descriptor;
    std::size_t waiting = 0; // pieces
    std::optional<Error> error = {};
  };

  PieceWriter() = default;
  ~PieceWriter(); // what waits still is not written
  PieceWriter(const PieceWriter&) = delete;
  PieceWriter& operator=(const PieceWriter&) = delete;

  // Takes it; waits when more is there than anyone may send. The error of an earlier piece of that file.
  Result<void> write(const std::shared_ptr<File>& file, std::uint64_t offset, std::string bytes);
  // Once all of that file has been written, or why it was not.
  Result<void> finish(const std::shared_ptr<File>& file);

  // Bytes that were dealt with since the last call.
  std::uint64_t take_written();

  // To poll: readable when take_written() has something to say. -1: nothing was written yet.
  [[nodiscard]] int descriptor() const { return waker_ ? waker_->descriptor() : -1; }

private:
  struct Piece {
    std::shared_ptr<File> file;
    std::uint64_t offset = 0;
    std::string bytes;
  };

  Result<void> begin();
  void run();

  std::optional<system::Waker> waker_;
  std::thread thread_; // once there is something to write
  std::mutex mutex_;
  std::condition_variable changed_;
  // ---- guarded by mutex_
  std::deque<Piece> pieces_;
  std::size_t bytes_ = 0; // in them
  std::uint64_t written_ = 0;
  bool ends_ = false;
};

} // namespace tandem::replication::stream
