#include "replication/files/outgoing_file.hpp"

#include "replication/files/packing.hpp"

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

namespace {

constexpr std::uint64_t pieces_to_try_again = 64; // whether they become smaller
constexpr std::uint64_t usual_stretch = std::uint64_t{16} << 20U;

} // namespace

Result<std::string> OutgoingFile::read_on(std::uint64_t most) {
  const auto left = node_.size - std::min(offset_, node_.size);
  TANDEM_TRY(auto bytes, system::read_piece(file_.get(), offset_, std::min(left, most)));
  offset_ += bytes.size();
  sum_.add(bytes);
  return bytes;
}

Result<std::optional<Piece>> OutgoingFile::next() {
  if (all_sums_) return next_of_comparison();
  const auto offset = offset_;
  TANDEM_TRY(auto bytes, read_on(piece_size));
  is_read_ = bytes.empty();
  return is_read_ ? std::nullopt : std::optional(piece_of(std::move(bytes), offset));
}

// One stretch after the other, each with an end of its own.
Result<std::optional<Piece>> OutgoingFile::next_of_comparison() {
  if (!comparing_) {
    TANDEM_TRY(comparing_, system::DeltaJob::compare(all_sums_));
    stretch_end_ = offset_ + stretch_;
  }
  TANDEM_TRY(auto news, comparing_->next());
  if (!news.empty()) return piece_of(std::move(news), 0);
  if (comparing_->is_done()) {
    comparing_.reset();
    is_read_ = offset_ < stretch_end_; // it has ended before that
    return std::nullopt;
  }
  TANDEM_TRY(auto bytes, read_on(std::min<std::uint64_t>(piece_size, stretch_end_ - offset_)));
  const bool last = bytes.empty() || offset_ == stretch_end_;
  comparing_->give(std::move(bytes), last);
  return std::nullopt;
}

Piece OutgoingFile::piece_of(std::string bytes, std::uint64_t offset) {
  Piece piece{.transfer = number_, .offset = offset, .bytes = std::move(bytes), .delta = all_sums_ != nullptr};
  if (pieces_++ % pieces_to_try_again == 0 || packs_) packs_ = piece.packed = pack_where_it_pays(piece.bytes);
  in_flight_ += piece.bytes.size();
  return piece;
}

Result<void> OutgoingFile::take(const Took& took) {
  if (took.bytes > in_flight_) return fail(ErrorKind::invalid, "the other server has written more than there was");
  in_flight_ -= took.bytes;
  return {};
}

void OutgoingFile::take(const Sums& sums) {
  if (!awaits_sums_) return; // those before were of no use
  awaits_sums_ = !sums.none && add_sums(sums) && !sums.last;
}

Result<void> OutgoingFile::add_sums(const Sums& sums) {
  if (!sums_) {
    TANDEM_TRY(sums_, system::DeltaSums::begin());
  }
  TANDEM_CHECK(sums_->take(sums.bytes));
  if (!sums.last) return {};
  TANDEM_TRY(all_sums_, sums_->finish());
  // Content that has not moved is found in whole blocks.
  stretch_ = (usual_stretch + sums_->block() - 1) / sums_->block() * sums_->block();
  sums_.reset();
  return {};
}

} // namespace tandem::replication::stream
