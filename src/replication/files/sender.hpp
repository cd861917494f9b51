// The primary's end of the file stream: from what has changed to the messages that make the standby's trees equal, each
// with the state at the moment it is sent. Reads files; knows no clock, socket or watch.
#pragma once
#include "replication/files/dirty_queue.hpp"
#include "replication/files/linked_names.hpp"
#include "replication/files/name_search.hpp"
#include "replication/files/outgoing_file.hpp"
#include "replication/files/stray_files.hpp"
#include "replication/files/stream_bounds.hpp"
#include "replication/files/verification.hpp"
#include "system/file_change.hpp"

#include <deque>
#include <list>

namespace tandem::replication::stream {

class Sender {
public:
  explicit Sender(std::vector<Root> roots, StreamBounds bounds = {}) : roots_(std::move(roots)), bounds_(bounds) {}

  // Puts in what the kernel told. Overflow: everything is looked at again.
  void changed(const std::vector<system::FileChange>& changes);

  // The kernel has nothing more to tell.
  void sighted(Time now);

  // Whether something waits for that.
  [[nodiscard]] bool awaits_sight() const {
    return queue_.awaits_sight() || strays_.awaits_sight() || (search_.is_under_way() && !search_.has_more()) ||
           (verification_ && verification_->awaits_sight());
  }

  // Everything is looked at and offered. `first`: the stream begins with it.
  void look_again(bool first = false);
  // That place alone may differ there. `deep`: with all that lies below.
  void look_at(const Place& place, bool deep);
  // What the receiver says. invalid: it is no receiver's word.
  Result<void> take(const Message& message, Time now);

  // The next bytes to send; nullopt: nothing is to be done before next_time(). Call again and again.
  Result<std::optional<std::string>> next(Time now);
  [[nodiscard]] std::optional<Time> next_time(Time now) const;

  // From here: everything that changed() was told so far. settled() once the receiver has all of that; `durable`: on
  // its disk, and what may still be written to as it is now, but for large files that change while they are looked at.
  // Marks are sent for it by next().
  std::uint64_t barrier(bool durable);

  [[nodiscard]] bool settled(std::uint64_t barrier) const { return settled_ >= barrier; }

  [[nodiscard]] bool settled_on_disk(std::uint64_t barrier) const { return durable_settled_ >= barrier; }

  // Whether each root's path still leads to the folder that is read. The first that does not; empty: all do.
  [[nodiscard]] std::string replaced_root() const;

  // Sends nothing but the mark that tells when the receiver has, on its disk, all that was sent: quiet(). Idempotent.
  void hold() { held_ = true; }

  void go_on() { held_ = false; }

  [[nodiscard]] bool quiet() const {
    return held_ && outbox_.empty() && open_mark_ == 0 && !sent_since_mark_ && !undurable_;
  }

  // Compares all content with the receiver's; what differs is sent again. One that is under way begins anew.
  void verify(std::uint64_t number, std::uint64_t bytes_per_second) {
    verification_.emplace(number, roots_.size(), bytes_per_second);
  }

  void end_verification() { verification_.reset(); }

  // nullptr: nothing has been compared so.
  [[nodiscard]] const VerificationState* verification() const {
    return verification_ ? &verification_->state() : nullptr;
  }

  // What could not be read here or done there, the latest of it; empty when all went well since.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  // How many names fewer the receiver has in each root than an hour ago, as it last said, by the root's path.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& removed() const { return removed_; }

  // How much waits to be sent, in places and large files.
  [[nodiscard]] std::size_t waiting() const { return queue_.size() + strays_.size() + transfers_.size(); }

private:
  static constexpr std::size_t most_sent_at_once = 16; // large files
  static constexpr std::chrono::milliseconds again_after_trouble{1000};
  // What nobody has closed yet is sent once it has rested so long: it may have come without a close that would be told
  // (linkat(2), truncate(2)), or be held open for days.
  static constexpr std::chrono::milliseconds rest{1000};
  static constexpr int most_tries = 3; // to send a file that changes meanwhile

  struct Transfer {
    Dirty what;
    OutgoingFile file;
    std::optional<Dirty> again = {}; // what was told of it meanwhile, when it had other content already
  };

  [[nodiscard]] std::optional<Place> place_of(const std::string& path) const;
  [[nodiscard]] bool goes_over(const std::optional<Place>& place, bool folder) const;
  void changed_one(const system::FileChange& change);
  void renamed(const system::FileChange& change);
  void rename_known(const Place& from, const Place& to);
  void around(const Place& place);

  void send(const Message& message) {
    outbox_.push_back(encode(message));
    sent_since_mark_ = undurable_ = true;
  }

  static bool same_content(const system::Node& one, const system::Node& other) {
    return one.size == other.size && one.modified_ns == other.modified_ns;
  }

  Result<void> refused(const Refused& refused, Time now);
  Result<void> answered(const Done& done, Time now);
  Result<void> compared(const Checked& checked);
  [[nodiscard]] bool waits_at(const Place& place) const;
  void verify_a_piece(Time now);
  [[nodiscard]] bool is_large(const Place& place) const;
  void trouble(Dirty what, const std::string& why, Time again);
  // ---- what is sent of a place: sender_states.cpp
  Result<void> process(Dirty what, Time now);
  Result<void> process_state(Dirty what, Time now);
  Result<void> process_gone(Dirty what);
  Result<void> process_file(Dirty what, const system::Node& node, Time now);
  [[nodiscard]] Result<bool> left_with_its_folder(const Place& place) const;
  bool rests(Dirty& what, const system::Node& node, Time now);
  bool rests_as_a_link(Dirty& what, const system::Node& node, Time now);
  Result<void> send_whole(Dirty what, const system::FileId& seen, Time now);
  void look_later(Dirty what, Time now);
  Result<void> send_below(const Dirty& what);
  Result<void> send_listing(Dirty what);
  void note_offered(const Place& place, std::uint64_t order);
  // ---- large files: sender_large.cpp
  Result<void> begin_transfer(Dirty what, const system::FileId& seen);
  static void again_after(Transfer& running, const Dirty& what);
  bool is_under_way(const Dirty& what, int file, const system::Node& node);
  [[nodiscard]] std::list<Transfer>::const_iterator next_transfer() const;
  [[nodiscard]] std::list<Transfer>::iterator transfer_of(std::uint64_t number);
  void go_on_with_transfer(Time now);
  void end_transfer(std::list<Transfer>::iterator at, Time now);
  void drop_transfer(std::list<Transfer>::iterator at, const std::string& why, Time again);
  Result<void> take_took(const Took& took);
  void take_sums(const Sums& sums);
  // ----
  void note_behind_mark(std::uint64_t order);
  void send_mark();
  [[nodiscard]] bool mark_is_wanted() const;
  [[nodiscard]] bool word_is_wanted() const;
  [[nodiscard]] bool may_walk() const;

  // As much as the other end's disk takes, so that small files come through in between.
  [[nodiscard]] bool may_send_piece() const { return next_transfer() != transfers_.end(); }

  [[nodiscard]] bool may_take_aside() const { return transfers_.size() < most_sent_at_once && queue_.has_aside(); }

  Result<bool> do_something(Time now);
  // ---- files of several names: sender_links.cpp
  Result<void> process_linked(Dirty what, const system::Node& node, Time now);
  Result<void> send_file(Dirty what, const system::Node& node, Time now);
  void link_others(const Place& place, const system::Node& node, std::uint64_t order);
  [[nodiscard]] system::Node counted(const Place& place, system::Node node) const;
  void leave(const Place& place, const Dirty& carried);
  void leave_what_it_was(const Dirty& what, const system::Node& node);
  void pass_on_left(const std::vector<LinkedNames::Left>& left, const Dirty& carried);
  void pass_on(Dirty& what);
  void changed_elsewhere(const Place& place, const system::FileChange& change);
  void leave_roots(const Place& from, const std::string& file);
  Result<void> note_stray(Dirty& what, const system::Node& node);
  void take_displaced();
  void note_name(const std::string& file, const Place& place);
  void add_stray(const Dirty& what);
  void process_stray(Dirty what, Time now);
  Result<void> look_for_names(Dirty what);
  bool hand_on(const Dirty& what, const system::Node& node);
  // By a path without links on the way; nullopt: in none of the roots.
  [[nodiscard]] std::optional<Place> place_by(const std::string& path) const;
  void note_listed(const Place& place, const system::Digest& digest, std::uint64_t order);

  [[nodiscard]] bool awaits_names() const { return queue_.awaits_names() || strays_.awaits_names(); }

  [[nodiscard]] bool may_seek(Time now) const;
  void seek_names(Time now);
  void begin_to_seek();
  void join_search();
  [[nodiscard]] std::uint64_t oldest_open() const;

  std::vector<Root> roots_;
  StreamBounds bounds_;
  DirtyQueue queue_;
  StrayFiles strays_;
  std::optional<Verification> verification_;
  std::deque<std::string> outbox_;
  std::list<Transfer> transfers_;
  std::set<Place> whole_;      // large files that are sent without a look at what is there
  std::uint64_t compared_ = 0; // bytes, without a word to be sent, since next() began
  // Files and listed folders of which the receiver has not said yet what it wants, with their orders.
  std::map<Place, std::uint64_t> offered_;
  std::map<Place, std::uint64_t> offered_before_mark_;
  LinkedNames linked_;
  NameSearch search_;
  std::set<system::FileId> sought_before_; // by the search before it
  Time seek_not_before_ = {};
  bool names_found_ = false; // what waited for them is being released
  // By file: the latest name that was told of it, and how many names it had when none of them was in the roots. Both
  // are forgotten now and then.
  std::map<std::string, Place> latest_names_;
  std::map<std::string, std::uint64_t> elsewhere_;
  std::size_t listed_ = 0; // entries of listings that were sent and not looked at yet
  bool walk_next_ = false; // before a piece of a large file
  std::uint64_t next_transfer_ = 1;
  std::uint64_t in_flight_ = 0; // bytes of pieces that the receiver has not dealt with
  unsigned others_turn_ = 0;
  int since_piece_ = 0; // places that were sent since the latest piece
  std::string problem_;
  std::map<std::string, std::uint64_t> removed_;
  bool refused_since_mark_ = false;
  bool behind_mark_ = false; // something that the open mark is about was sent after it
  // ---- marks
  std::uint64_t wanted_barrier_ = 0;
  std::uint64_t wanted_durable_ = 0;
  std::uint64_t settled_ = 0;
  std::uint64_t durable_settled_ = 0;
  std::uint64_t next_mark_ = 1;
  Time mark_not_before_ = {};
  std::uint64_t open_mark_ = 0; // sent and not answered; 0: none
  std::uint64_t mark_for_ = 0;  // the barrier that it is for
  bool mark_is_durable_ = false;
  bool undurable_ = false; // something was sent that no durable mark has answered for
  bool held_ = false;
  bool sent_since_mark_ = false;
};

} // namespace tandem::replication::stream
