#include "system/delta.hpp"

#include <librsync.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tandem::system {

namespace {

// Of blocks, however large the content: their sums are held in memory.
constexpr std::uint64_t most_blocks = 64U << 10U;
constexpr std::size_t longest_block = std::size_t{4} << 20U;
constexpr std::size_t most_sum_bytes = std::size_t{8} << 20U;

// At the beginning of sums, each in four bytes: the kind, the length of a block, and of its sum.
constexpr std::size_t head_of_sums = 12;

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (const char byte : bytes.substr(at, 4))
    value = value << 8U | static_cast<unsigned char>(byte);
  return value;
}

std::unexpected<Error> delta_error(rs_result result) {
  return failed(std::string("comparing the content of a file: ") + rs_strerror(result));
}

// For librsync: so many bytes of the old content as there are at most.
rs_result read_old(void* file, rs_long_t offset, std::size_t* length, void** room) {
  for (;;) {
    const auto count = ::pread(*static_cast<int*>(file), *room, *length, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return RS_IO_ERROR;
    *length = static_cast<std::size_t>(count);
    return count == 0 ? RS_INPUT_ENDED : RS_DONE;
  }
}

void free_job(rs_job* job) {
  rs_job_free(job);
}

} // namespace

Result<DeltaJob> DeltaJob::begin(rs_job* job, std::shared_ptr<void> kept) {
  if (job == nullptr) return delta_error(RS_MEM_ERROR);
  static const bool silent = (rs_trace_to([](rs_loglevel, const char*) {}), true); // the results say it
  static_cast<void>(silent);
  DeltaJob made;
  made.kept_ = std::move(kept);
  made.job_ = {job, free_job};
  return made;
}

Result<DeltaJob> DeltaJob::sum_up(std::uint64_t size) {
  auto magic = RS_RK_BLAKE2_SIG_MAGIC;
  std::size_t block = 0;                      // as long as is usual for that size
  auto strong = static_cast<std::size_t>(-1); // as short as is safe for it
  const auto result = rs_sig_args(static_cast<rs_long_t>(size), &magic, &block, &strong);
  if (result != RS_DONE) return delta_error(result);
  block = std::max<std::size_t>(block, size / most_blocks + 1);
  if (block > longest_block) return failed("a file is too large to be compared");
  return begin(rs_sig_begin(block, strong, magic));
}

Result<DeltaJob> DeltaJob::compare(std::shared_ptr<rs_signature> sums) {
  auto* bare = sums.get();
  return begin(rs_delta_begin(bare), std::move(sums));
}

Result<DeltaJob> DeltaJob::rebuild(int old) {
  auto file = std::make_shared<int>(old);
  auto* bare = file.get();
  return begin(rs_patch_begin(read_old, bare), std::move(file));
}

void DeltaJob::give(std::string bytes, bool last) {
  input_ = std::move(bytes);
  used_ = 0;
  last_ = last;
}

Result<std::string> DeltaJob::next() {
  std::string out;
  if (done_ || (input_.empty() && !last_)) return out;
  auto result = RS_BLOCKED;
  out.resize_and_overwrite(step, [&](char* room, std::size_t length) { // which is not cleared before
    rs_buffers_t buffers{.next_in = input_.data() + used_,
                         .avail_in = input_.size() - used_,
                         .eof_in = last_ ? 1 : 0,
                         .next_out = room,
                         .avail_out = length};
    result = rs_job_iter(job_.get(), &buffers);
    used_ = input_.size() - buffers.avail_in;
    return length - buffers.avail_out;
  });
  done_ = result == RS_DONE;
  if (!done_ && result != RS_BLOCKED) return delta_error(result);
  if (!out.empty() || done_) return out;
  if (used_ < input_.size()) return delta_error(RS_INTERNAL_ERROR); // it takes all that there is, or says something
  input_.clear();
  return out;
}

Result<DeltaSums> DeltaSums::begin() {
  DeltaSums made;
  made.sums_ = {new rs_signature*(nullptr), [](rs_signature** sums) {
                  if (*sums != nullptr) rs_free_sumset(*sums);
                  delete sums;
                }};
  TANDEM_TRY(made.job_, DeltaJob::begin(rs_loadsig_begin(made.sums_.get()), made.sums_));
  return made;
}

// What they say of themselves would be believed by librsync.
Result<void> DeltaSums::take(std::string bytes) {
  if (bytes.empty()) return {};
  if (bytes_ == 0) {
    const bool usual = bytes.size() >= head_of_sums && number_at(bytes, 0) == RS_RK_BLAKE2_SIG_MAGIC &&
                       number_at(bytes, 4) > 0 && number_at(bytes, 4) <= longest_block;
    if (!usual) return failed("comparing the content of a file: its sums are of no known kind");
    block_ = number_at(bytes, 4);
  }
  bytes_ += bytes.size();
  if (bytes_ > most_sum_bytes) return failed("comparing the content of a file: there are too many sums");
  job_.give(std::move(bytes), false);
  TANDEM_CHECK(job_.next());
  return {};
}

Result<std::shared_ptr<rs_signature>> DeltaSums::finish() {
  job_.give({}, true);
  TANDEM_CHECK(job_.next());
  if (!job_.is_done() || *sums_ == nullptr) return failed("comparing the content of a file: its sums are cut short");
  const auto result = rs_build_hash_table(*sums_);
  if (result != RS_DONE) return delta_error(result);
  return std::shared_ptr<rs_signature>(sums_, *sums_);
}

} // namespace tandem::system
