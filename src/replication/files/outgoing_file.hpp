// A large file that is being sent: read from its beginning to its end, in pieces, each smaller than it was where that
// pays. Where the other server has some of it already, what is new in it. Knows no clock or socket.
#pragma once
#include "replication/files/stream_messages.hpp"
#include "system/content_sum.hpp"
#include "system/delta.hpp"

#include <memory>

namespace tandem::replication::stream {

class OutgoingFile {
public:
  // `node`: as it is now. `awaits_sums`: they were asked for, and nothing is sent before the last of them is there.
  OutgoingFile(std::uint64_t number, system::Descriptor file, system::Node node, bool awaits_sums)
      : number_(number), file_(std::move(file)), node_(std::move(node)), awaits_sums_(awaits_sums) {}

  [[nodiscard]] std::uint64_t number() const { return number_; }

  [[nodiscard]] int file() const { return file_.get(); }

  [[nodiscard]] const system::Node& node() const { return node_; }

  // Whether something is to be done with it, `room` being whether more may be on its way: its next piece, or its end
  // once the other server has dealt with all of it.
  [[nodiscard]] bool may_go_on(bool room) const { return !awaits_sums_ && (is_read_ ? in_flight_ == 0 : room); }

  // Nothing is left of it.
  [[nodiscard]] bool is_read() const { return is_read_; }

  // The next piece; nullopt: this was a step on the way. After an error it is to be sent anew, as a whole.
  Result<std::optional<Piece>> next();

  // How far it was read, and what that comes to.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

  [[nodiscard]] system::Sum sum() const { return sum_.sum(); }

  // What the receiver says of it. Sums that are of no use are none. invalid: it is no receiver's word.
  void take(const Sums& sums);
  Result<void> take(const Took& took);

private:
  Result<std::string> read_on(std::uint64_t most);
  Result<std::optional<Piece>> next_of_comparison();
  Piece piece_of(std::string bytes, std::uint64_t offset);
  Result<void> add_sums(const Sums& sums);

  std::uint64_t number_;
  system::Descriptor file_;
  system::Node node_;
  bool awaits_sums_;
  std::optional<system::DeltaSums> sums_; // as far as they have come
  // ---- of one that is compared
  std::shared_ptr<rs_signature> all_sums_;
  std::uint64_t stretch_ = 0; // bytes that are compared at a time: what was found is made there while it goes on
  std::uint64_t stretch_end_ = 0;
  std::optional<system::DeltaJob> comparing_;
  std::uint64_t offset_ = 0;
  std::uint64_t in_flight_ = 0; // bytes of pieces that the receiver has not dealt with
  std::uint64_t pieces_ = 0;
  bool packs_ = false; // the latest that was tried has become smaller
  bool is_read_ = false;
  system::ContentSum sum_;
};

} // namespace tandem::replication::stream
