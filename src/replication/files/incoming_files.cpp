#include "replication/files/incoming_files.hpp"

#include "system/compression.hpp"
#include "system/node.hpp"

#include <system_error>
#include <utility>

namespace tandem::replication::stream {

namespace {

constexpr std::size_t most_bytes_waiting = std::size_t{16} << 20U;
constexpr std::size_t most_sums_waiting = std::size_t{1} << 20U; // bytes

std::unexpected<Error> not_what_was_sent() {
  return failed("what came of a large file does not make what was sent");
}

} // namespace

IncomingFiles::~IncomingFiles() {
  {
    const std::lock_guard guard(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> IncomingFiles::start() {
  if (thread_.joinable()) return {};
  TANDEM_TRY(auto waker, system::Waker::make());
  waker_ = std::move(waker);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return failed(std::string("starting a thread for large files: ") + error.what());
  }
  return {};
}

Result<IncomingFiles::Handle> IncomingFiles::begin(std::uint64_t transfer, system::Descriptor target,
                                                   system::Descriptor old, std::uint64_t old_size) {
  TANDEM_CHECK(start());
  auto file = std::make_shared<File>();
  file->transfer = transfer;
  file->target = std::move(target);
  if (!old) return file;
  TANDEM_TRY(file->summing, system::DeltaJob::sum_up(old_size));
  file->old = std::move(old);
  file->busy = true;
  const std::lock_guard guard(mutex_);
  busy_.push_back(file);
  changed_.notify_all();
  return file;
}

Result<void> IncomingFiles::take(const Handle& file, const Piece& piece) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return bytes_ < most_bytes_waiting; });
  if (!file->busy && file->error) return std::unexpected(*file->error);
  bytes_ += piece.bytes.size();
  file->pieces.push_back(piece);
  if (!std::exchange(file->busy, true)) busy_.push_back(file);
  changed_.notify_all();
  return {};
}

Result<void> IncomingFiles::finish(const Handle& file, const system::Sum& sum) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !file->busy; });
  if (file->error) return std::unexpected(*file->error);
  if ((!file->rebuilding || file->rebuilding->is_done()) && file->sum.sum() == sum) return {};
  file->wrong = true;
  return not_what_was_sent();
}

void IncomingFiles::drop(const Handle& file) {
  const std::lock_guard guard(mutex_);
  file->dropped = true;
}

std::vector<Message> IncomingFiles::take_said() {
  if (waker_) waker_->calm();
  const std::lock_guard guard(mutex_);
  said_bytes_ = 0;
  changed_.notify_all();
  return std::exchange(said_, {});
}

// ---- the thread

// One that sums up waits as long as nobody hears it.
std::list<IncomingFiles::Handle>::iterator IncomingFiles::next_turn() {
  return std::ranges::find_if(busy_,
                              [&](const Handle& file) { return !file->summing || said_bytes_ < most_sums_waiting; });
}

void IncomingFiles::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return ends_ || next_turn() != busy_.end(); });
    if (ends_) return;
    const auto turn = next_turn();
    auto file = std::move(*turn);
    busy_.erase(turn);
    const bool passed_over = file->dropped || file->error;
    if (passed_over) file->summing.reset();
    const bool sums = file->summing.has_value();
    const auto* piece = sums || passed_over ? nullptr : &file->pieces.front();
    lock.unlock();
    auto said = sums ? sum_up(*file) : std::nullopt;
    bool piece_is_done = !sums;
    if (piece != nullptr) {
      auto done = work_on(*file, *piece);
      if (done)
        piece_is_done = *done;
      else
        file->error = std::move(done).error();
    }
    lock.lock();
    after_turn(file, piece_is_done, std::move(said));
    lock.unlock();
    file.reset(); // which may be the last of a large file that was dropped: its blocks are given back here
    lock.lock();
  }
}

void IncomingFiles::after_turn(const Handle& file, bool piece_is_done, std::optional<Sums> sums) {
  if (sums) {
    said_bytes_ += sums->bytes.size();
    said_.emplace_back(std::move(*sums));
    waker_->wake();
  }
  if (piece_is_done && !file->pieces.empty()) {
    const auto bytes = file->pieces.front().bytes.size();
    file->pieces.pop_front();
    bytes_ -= bytes;
    said_.emplace_back(Took{.transfer = file->transfer, .bytes = bytes});
    waker_->wake();
  }
  file->busy = file->summing || !file->pieces.empty();
  if (file->busy) busy_.push_back(file);
  changed_.notify_all();
}

// A step of it. What cannot be read is as if it were not there.
std::optional<Sums> IncomingFiles::sum_up(File& file) {
  const auto step = [&]() -> Result<std::string> {
    TANDEM_TRY(auto sums, file.summing->next());
    if (!sums.empty() || file.summing->is_done()) return sums;
    TANDEM_TRY(auto bytes, system::read_piece(file.old.get(), file.summed, system::DeltaJob::step));
    file.summed += bytes.size();
    const bool last = bytes.empty();
    file.summing->give(std::move(bytes), last);
    return sums;
  };
  auto sums = step();
  const bool last = !sums || file.summing->is_done();
  if (!last && sums->empty()) return std::nullopt;
  if (last) file.summing.reset();
  if (!sums) file.old = {};
  return Sums{.transfer = file.transfer, .bytes = sums.value_or(""), .last = last, .none = !sums};
}

Result<void> IncomingFiles::write(File& file, std::string_view bytes) {
  file.sum.add(bytes);
  const auto offset = std::exchange(file.written, file.written + bytes.size());
  return system::write_piece(file.target.get(), offset, bytes);
}

Result<std::string> IncomingFiles::unpacked(File& file, const Piece& piece) {
  auto bytes = piece.packed ? system::unpack(piece.bytes, largest_message) : Result<std::string>(piece.bytes);
  file.wrong = !bytes;
  return bytes;
}

// Whether that was all of the piece.
Result<bool> IncomingFiles::work_on(File& file, const Piece& piece) {
  if (piece.delta) return rebuild(file, piece);
  file.wrong = piece.offset != file.written || file.rebuilding;
  if (file.wrong) return not_what_was_sent();
  TANDEM_TRY(const auto bytes, unpacked(file, piece));
  TANDEM_CHECK(write(file, bytes));
  return true;
}

Result<bool> IncomingFiles::rebuild(File& file, const Piece& piece) {
  if (!file.half) {
    file.wrong = !file.old || (!file.rebuilding && file.written > 0);
    if (file.wrong) return not_what_was_sent();
    if (!file.rebuilding || file.rebuilding->is_done()) { // the next stretch
      TANDEM_TRY(file.rebuilding, system::DeltaJob::rebuild(file.old.get()));
    }
    TANDEM_TRY(auto bytes, unpacked(file, piece));
    file.rebuilding->give(std::move(bytes), false);
  }
  const auto bytes = file.rebuilding->next();
  file.wrong = !bytes;
  if (!bytes) return std::unexpected(bytes.error());
  file.half = !bytes->empty();
  TANDEM_CHECK(write(file, *bytes));
  return !file.half;
}

} // namespace tandem::replication::stream
