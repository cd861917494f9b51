#include "replication/files/outgoing_file.hpp"

#include "replication/files/packing.hpp"

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

namespace {

constexpr std::uint64_t pieces_to_try_again = 64; // whether they become smaller

} // namespace

Result<std::string> OutgoingFile::read_on() {
  const auto left = node_.size - std::min(offset_, node_.size);
  TANDEM_TRY(auto bytes, system::read_piece(file_.get(), offset_, std::min<std::uint64_t>(left, piece_size)));
  offset_ += bytes.size();
  sum_.add(bytes);
  return bytes;
}

Result<std::optional<Piece>> OutgoingFile::next() {
  if (!comparing_) {
    const auto offset = offset_;
    TANDEM_TRY(auto bytes, read_on());
    is_read_ = bytes.empty();
    return is_read_ ? std::nullopt : std::optional(piece_of(std::move(bytes), offset));
  }
  TANDEM_TRY(auto bytes, comparing_->next());
  if (!bytes.empty()) return piece_of(std::move(bytes), 0);
  is_read_ = comparing_->is_done();
  if (is_read_) return std::nullopt;
  TANDEM_TRY(bytes, read_on());
  const bool last = bytes.empty();
  comparing_->give(std::move(bytes), last);
  return std::nullopt;
}

Piece OutgoingFile::piece_of(std::string bytes, std::uint64_t offset) {
  Piece piece{.transfer = number_, .offset = offset, .bytes = std::move(bytes), .delta = comparing_.has_value()};
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
  TANDEM_TRY(auto all, sums_->finish());
  TANDEM_TRY(comparing_, system::DeltaJob::compare(std::move(all)));
  sums_.reset();
  return {};
}

} // namespace tandem::replication::stream
