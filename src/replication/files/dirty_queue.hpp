// The places whose state the standby may not have: each once, first come first served, with what is to be done about
// it. What happened is not kept, for what is sent is the state at that moment. Pure.
//
// Each has an order, a number that grows: flush waits until none of an order from before its call is open.
#pragma once
#include "replication/files/stream_messages.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <set>

namespace tandem::replication::stream {

using Time = std::chrono::steady_clock::time_point;

struct Dirty {
  Place place;
  std::uint64_t order = 0;
  bool content = false;          // of a file the content, too
  bool wanted = false;           // and is known to differ from the receiver's: however large it is
  bool deep = false;             // of a folder everything below it
  bool open = false;             // nothing more is known than that somebody has made it or writes to it, and may go on
  bool unheard = false;          // its name is new: the receiver has never had it
  std::int64_t rested_at_ns = 0; // the file's time when it was found open; 0: never
  int rests = 0;                 // so many times
  std::uint64_t rested_for = 0;  // the barrier of the flush that has waited for it
  bool linked = false;           // and had other names then
  int tries = 0;                 // a large one changed so often while it was sent
  bool sighted = false;          // the kernel had nothing more to tell after it was found gone
  std::optional<Place> renamed_from = {};
  bool extra = false;  // the receiver has it, and no listing had
  bool asked = false;  // the receiver wants it
  bool first = false;  // the stream begins with it
  bool beside = false; // the file has changed by its name in another root
  bool sought = false; // all names of its file were looked for
  // Of which file that was told, by its handle: another one may be there by now, or none. Empty: of none.
  std::string file = {};
  // Of a folder: what is in it, to be listed from that one on.
  std::shared_ptr<const std::vector<std::string>> names = {};
  std::size_t next_name = 0;

  // One of its kind at a place; a rename is to be done once.
  [[nodiscard]] bool is_state() const { return !renamed_from; }
};

class DirtyQueue {
public:
  // Joins what is known of the place already; one that is closed rests no more. `order` 0: a new one.
  void add(Dirty what);
  // The place has another name now: the receiver is to rename it, unless it has never heard of it; and both names are
  // looked at with everything below. For the path of what the kernel tells is found when its word is read, some renames
  // after it was so: what is sent is only ever the state of a path, and whatever a rename may have moved is looked at
  // after it. What is known of places at the old name holds for the new one. `order`: the lowest that is open about the
  // old name elsewhere; 0: none.
  void rename(const Place& from, const Place& to, std::uint64_t order);
  // Later than `when`; flush waits for it.
  void add_later(Dirty what, Time when);
  // The same for one that may still be written to. It stands there once, and no more once it is closed. `order` 0:
  // flush does not wait for it.
  void let_rest(Dirty what, Time when);

  // What rests is looked at now, and waited for; but for names that were sent already.
  void wake();

  // Until sighted(): what is about to be removed may have another name, which the kernel has not told yet.
  void await_sight(Dirty what);
  // The kernel had nothing more to tell after all that waits for this was looked at.
  void sighted();

  [[nodiscard]] bool awaits_sight() const { return !unsighted_.empty(); }

  // A folder on the way through a tree, to be looked at with everything below it, or listed. Once for each: one that is
  // to be looked at again begins anew. take_walk() goes into the depth first, so that few wait.
  void walk(Dirty what);
  [[nodiscard]] std::optional<Dirty> take_walk();

  [[nodiscard]] bool has_walk() const { return !walk_.empty(); }

  // How many take() may give at once.
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  // How many of those that wait the receiver has asked for.
  [[nodiscard]] std::size_t asked() const { return asked_; }

  // Until released(): a name of a file whose other names are to be looked for. It stands there once.
  void await_names(Dirty what);
  // From here on all names are looked for; what comes meanwhile waits for the next time. Those that wait now.
  std::vector<Place> seek();
  // They were: so many of those may go on. Whether more are to.
  bool release(std::size_t most);

  [[nodiscard]] bool awaits_names() const { return !unnamed_.empty(); }

  // Whether the receiver may not have heard of that name yet.
  [[nodiscard]] bool is_new(const Place& place) const;

  // One whose turn somebody else decides: take_aside(). It stands there once.
  void set_aside(Dirty what);
  // One after the other by name, so that each has its turn.
  [[nodiscard]] std::optional<Dirty> take_aside();

  [[nodiscard]] bool has_aside() const { return !aside_.empty(); }

  // Of whose file something was told under a name of which something was told about another file since.
  [[nodiscard]] std::vector<Dirty> take_displaced();
  // That file is at that place no more, and nothing is to be sent of it.
  void forget_file(const Place& place, const std::string& file);

  // For what waits elsewhere.
  std::uint64_t new_order() { return next_order_++; }

  [[nodiscard]] std::optional<Dirty> take(Time now);
  // When take() has something to give; nullopt: nothing waits.
  [[nodiscard]] std::optional<Time> next(Time now) const;

  // What is to be sent of that place, as far as it is known: order and content.
  [[nodiscard]] Dirty waiting_at(const Place& place) const;

  // Whether it may still be written to, and rests until that is known.
  [[nodiscard]] bool rests(const Place& place) const { return rest_.contains(place); }

  // The lowest order of that place, or of one below it; 0: none waits.
  [[nodiscard]] std::uint64_t oldest_at(const Place& place) const;

  // The lowest order that is open; next_order() when none is.
  [[nodiscard]] std::uint64_t oldest() const;

  [[nodiscard]] std::uint64_t next_order() const { return next_order_; }

  [[nodiscard]] std::size_t size() const { return places() + walk_.size() + unnamed_.size(); }

  // But for those on the way through the trees, and for names that wait for others.
  [[nodiscard]] std::size_t places() const {
    return waiting_.size() + later_.size() + resting_.size() + aside_.size() + unsighted_.size();
  }

  void clear();

private:
  using Waiting = std::map<std::uint64_t, Dirty>; // by turn

  void put(Dirty what);
  Dirty take_out(Waiting::iterator at);
  using Resting = std::multimap<Time, Dirty>;
  [[nodiscard]] Resting::const_iterator resting_at(const Place& place) const;
  Dirty take_rest(Resting::const_iterator at);
  void join_rest(Dirty& what);
  void move_known(const Place& from, const Place& to);
  void keep_file(Dirty& all, const Dirty& older);
  template <class See>
  void for_each_known_at(const Place& place, const See& see);

  Waiting waiting_;
  std::map<Place, std::uint64_t> turns_; // of states
  std::multimap<Time, Dirty> later_;
  Resting resting_;
  std::vector<Dirty> unsighted_;
  std::map<Place, Dirty> walk_;
  std::map<Place, Dirty> unnamed_;
  std::size_t asked_ = 0;
  std::map<Place, Time> rest_; // where they stand there
  std::map<Place, Dirty> aside_;
  std::vector<Dirty> displaced_;
  Place latest_aside_;
  std::multiset<std::uint64_t> open_;
  std::uint64_t next_turn_ = 1;
  std::uint64_t next_order_ = 1;
};

} // namespace tandem::replication::stream
