// What is new in a file, by rsync's algorithm as librsync has it: whoever has the old content sums it up, whoever has
// the new content says by those sums what is new in it, and by that the new content is made out of the old one. All of
// it goes step by step in little memory. What came from elsewhere is not believed: at the worst it ends in an error.
#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <memory>
#include <string>

struct rs_job;
struct rs_signature;

namespace tandem::system {

// One of the three works: it is given bytes, and gives others.
class DeltaJob {
public:
  // Of content of that size: the sums come out. About 12 bytes for each block, which is as long as the root of the size
  // or more; below 1 MB altogether.
  static Result<DeltaJob> sum_up(std::uint64_t size);
  // The new content goes in; what is new comes out.
  static Result<DeltaJob> compare(std::shared_ptr<rs_signature> sums);
  // What is new goes in; the new content comes out, whose other parts are read from `old` meanwhile. An open file that
  // stays open as long.
  static Result<DeltaJob> rebuild(int old);

  // `last`: nothing comes after it. Not before next() has given all that came of the bytes before.
  void give(std::string bytes, bool last);

  // What comes out next, at most `step` bytes; "": all that there is to say of what was given. After an error it is of
  // no more use.
  Result<std::string> next();

  // It has said everything.
  [[nodiscard]] bool is_done() const { return done_; }

  static constexpr std::size_t step = std::size_t{128} << 10U;

private:
  friend class DeltaSums;
  static Result<DeltaJob> begin(rs_job* job, std::shared_ptr<void> kept = {});

  std::shared_ptr<void> kept_; // what the job points to
  std::unique_ptr<rs_job, void (*)(rs_job*)> job_{nullptr, nullptr};
  std::string input_;
  std::size_t used_ = 0;
  bool last_ = false;
  bool done_ = false;
};

// Takes the sums as they come.
class DeltaSums {
public:
  static Result<DeltaSums> begin();
  Result<void> take(std::string bytes);
  // All of them are there.
  Result<std::shared_ptr<rs_signature>> finish();

  // How long a block of the old content is, as they say; 0: none of them has come.
  [[nodiscard]] std::uint64_t block() const { return block_; }

private:
  DeltaJob job_;
  std::size_t bytes_ = 0;
  std::uint64_t block_ = 0;
  std::shared_ptr<rs_signature*> sums_; // librsync makes one once it knows how long it is
};

} // namespace tandem::system
