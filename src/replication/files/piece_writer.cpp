#include "replication/files/piece_writer.hpp"

#include "system/node.hpp"

#include <utility>

namespace tandem::replication::stream {

namespace {

constexpr std::size_t most_bytes_waiting = std::size_t{16} << 20U;

} // namespace

PieceWriter::~PieceWriter() {
  {
    const std::lock_guard guard(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> PieceWriter::begin() {
  if (thread_.joinable()) return {};
  TANDEM_TRY(auto waker, system::Waker::make());
  waker_ = std::move(waker);
  thread_ = std::thread([this] { run(); });
  return {};
}

Result<void> PieceWriter::write(const std::shared_ptr<File>& file, std::uint64_t offset, std::string bytes) {
  TANDEM_CHECK(begin());
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return bytes_ < most_bytes_waiting; });
  if (file->error) return std::unexpected(*file->error);
  bytes_ += bytes.size();
  ++file->waiting;
  pieces_.push_back({file, offset, std::move(bytes)});
  changed_.notify_all();
  return {};
}

Result<void> PieceWriter::finish(const std::shared_ptr<File>& file) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return file->waiting == 0; });
  return file->error ? Result<void>(std::unexpected(*file->error)) : Result<void>();
}

std::uint64_t PieceWriter::take_written() {
  if (waker_) waker_->calm();
  const std::lock_guard guard(mutex_);
  return std::exchange(written_, 0);
}

void PieceWriter::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return ends_ || !pieces_.empty(); });
    if (ends_) return;
    auto piece = std::move(pieces_.front());
    pieces_.pop_front();
    const bool failed = piece.file->error.has_value();
    lock.unlock();
    auto done = failed ? Result<void>() : system::write_piece(piece.file->descriptor.get(), piece.offset, piece.bytes);
    lock.lock();
    if (!done) piece.file->error = std::move(done).error();
    --piece.file->waiting;
    bytes_ -= piece.bytes.size();
    written_ += piece.bytes.size();
    piece.file.reset();
    changed_.notify_all();
    waker_->wake();
  }
}

} // namespace tandem::replication::stream
