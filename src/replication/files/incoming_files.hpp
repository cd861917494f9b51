// The large files that come, on a thread of their own: that the disk is slow, that the old content is summed up, that
// much of it is copied, keeps nobody's small ones. One file after the other has its turn.
#pragma once
#include "replication/files/stream_messages.hpp"
#include "system/content_sum.hpp"
#include "system/delta.hpp"
#include "system/link.hpp"

#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace tandem::replication::stream {

class IncomingFiles {
public:
  // One that is being written: the thread's but for the transfer's number and the target.
  struct File {
    std::uint64_t transfer = 0;
    system::Descriptor target;
    system::Descriptor old; // what stood there before; closed: nothing is made of that
    // ---- guarded by the mutex
    std::deque<Piece> pieces; // that wait
    bool busy = false;        // has its turn, or waits for it
    bool dropped = false;
    // ---- of whoever has its turn
    std::optional<system::DeltaJob> summing;
    std::optional<system::DeltaJob> rebuilding;
    std::uint64_t summed = 0;  // bytes of the old content
    std::uint64_t written = 0; // bytes
    bool half = false;         // the first of the pieces is under way
    system::ContentSum sum;
    std::optional<Error> error;
    bool wrong = false; // the error is about what came, not about writing it
  };

  using Handle = std::shared_ptr<File>;

  IncomingFiles() = default;
  ~IncomingFiles(); // what waits still is not written
  IncomingFiles(const IncomingFiles&) = delete;
  IncomingFiles& operator=(const IncomingFiles&) = delete;

  // `old_size`: of `old`, which is summed up, and deltas are about it. `old` closed: there is no such file.
  Result<Handle> begin(std::uint64_t transfer, system::Descriptor target, system::Descriptor old = {},
                       std::uint64_t old_size = 0);
  // In the order of the content. Waits when more is there than anyone may send. The error of an earlier piece.
  Result<void> take(const Handle& file, const Piece& piece);
  // Once all of it has been written and is of that sum, or why it is not.
  Result<void> finish(const Handle& file, const system::Sum& sum);

  // Whether what finish() or take() failed with is about what came: it is to come as a whole.
  [[nodiscard]] static bool wants_whole(const File& file) { return file.wrong; }

  // What waits of it is not written.
  void drop(const Handle& file);

  // Sums and Took, since the last call.
  std::vector<Message> take_said();

  // To poll: readable when take_said() has something. -1: nothing has begun yet.
  [[nodiscard]] int descriptor() const { return waker_ ? waker_->descriptor() : -1; }

private:
  Result<void> start();
  void run();
  [[nodiscard]] std::list<Handle>::iterator next_turn();
  void after_turn(const Handle& file, bool piece_is_done, std::optional<Sums> sums);
  static std::optional<Sums> sum_up(File& file);
  static Result<bool> work_on(File& file, const Piece& piece);
  static Result<bool> rebuild(File& file, const Piece& piece);
  static Result<void> write(File& file, std::string_view bytes);
  static Result<std::string> unpacked(File& file, const Piece& piece);

  std::optional<system::Waker> waker_;
  std::thread thread_; // once there is something to do
  std::mutex mutex_;
  std::condition_variable changed_;
  // ---- guarded by mutex_
  std::list<Handle> busy_;
  std::size_t bytes_ = 0; // in pieces that wait
  std::vector<Message> said_;
  std::size_t said_bytes_ = 0; // of Sums in it
  bool ends_ = false;
};

} // namespace tandem::replication::stream
