// The primary's end of the file stream: from what has changed to the messages that make the standby's trees equal, each
// with the state at the moment it is sent. Reads files; knows no clock, socket or watch.
#pragma once
#include "replication/files/dirty_queue.hpp"
#include "replication/files/patterns.hpp"
#include "system/watch.hpp"

#include <deque>
#include <list>

namespace tandem::replication::stream {

struct Root {
  system::Tree tree;
  Patterns patterns = {};
};

class Sender {
public:
  explicit Sender(std::vector<Root> roots) : roots_(std::move(roots)) {}

  // Puts in what the kernel told. Overflow: everything is looked at again.
  void changed(const std::vector<system::FileChange>& changes);
  // Everything is looked at and offered.
  void look_again();
  // What the receiver says. invalid: it is no receiver's word.
  Result<void> take(const Message& message, Time now);

  // The next bytes to send; nullopt: nothing is to be done before next_time(). Call again and again.
  Result<std::optional<std::string>> next(Time now);
  [[nodiscard]] std::optional<Time> next_time(Time now) const;

  // From here: everything that changed() was told so far. settled() once the receiver has all of that; `durable`: on
  // its disk. Marks are sent for it by next().
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

  // What the receiver could not do, the latest of it; empty when all went well since.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  // How much waits to be sent, in places and large files.
  [[nodiscard]] std::size_t waiting() const { return queue_.size() + transfers_.size() + large_.size(); }

private:
  struct Transfer {
    std::uint64_t number = 0;
    Dirty what;
    system::Descriptor file;
    system::Node node; // as it was at the beginning
    std::uint64_t offset = 0;
  };

  [[nodiscard]] std::optional<Place> place_of(const std::string& path) const;
  [[nodiscard]] bool goes_over(const std::optional<Place>& place, bool folder) const;
  void changed_one(const system::FileChange& change);
  void renamed(const system::FileChange& change);
  void around(const Place& place);

  void send(const Message& message) {
    outbox_.push_back(encode(message));
    sent_since_mark_ = undurable_ = true;
  }

  Result<void> process(Dirty what, Time now);
  Result<void> process_file(Dirty what, const system::Node& node, Time now);
  Result<void> send_whole(const Dirty& what, Time now);
  Result<void> send_below(const Dirty& what);
  Result<void> begin_transfer(const Dirty& what);
  Result<void> send_piece();
  void end_transfer();
  void send_mark();
  [[nodiscard]] bool mark_is_due() const;
  [[nodiscard]] std::uint64_t oldest_open() const;

  std::vector<Root> roots_;
  DirtyQueue queue_;
  std::deque<std::string> outbox_;
  std::list<Transfer> transfers_;
  std::deque<Dirty> large_; // that wait for a place among them
  bool looking_again_ = false;
  std::uint64_t next_transfer_ = 1;
  int since_piece_ = 0; // places that were sent since the latest piece
  std::string problem_;
  bool refused_since_mark_ = false;
  // ---- marks
  std::uint64_t wanted_barrier_ = 0;
  std::uint64_t wanted_durable_ = 0;
  std::uint64_t settled_ = 0;
  std::uint64_t durable_settled_ = 0;
  std::uint64_t next_mark_ = 1;
  std::uint64_t open_mark_ = 0; // sent and not answered; 0: none
  std::uint64_t mark_for_ = 0;  // the barrier that it is for
  bool mark_is_durable_ = false;
  bool undurable_ = false; // something was sent that no durable mark has answered for
  bool held_ = false;
  bool sent_since_mark_ = false;
};

} // namespace tandem::replication::stream
