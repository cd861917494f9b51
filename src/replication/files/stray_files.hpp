// Files of which a change was told under a name that is not theirs any more, or that is left out: their other names,
// if they have any, are to be looked for. The kernel says which file it was, by its handle. Pure.
#pragma once
#include "replication/files/dirty_queue.hpp"

namespace tandem::replication::stream {

class StrayFiles {
public:
  // `what.file` must be given, and an order. Joins what is known of that file already.
  void add(Dirty what);
  void forget(const std::string& file);

  // The kernel had nothing more to tell after all those were added: they may be taken.
  void sighted();

  [[nodiscard]] bool awaits_sight() const { return !unsighted_.empty(); }

  [[nodiscard]] std::optional<Dirty> take();

  [[nodiscard]] bool has_some() const { return !sighted_.empty(); }

  // Until release(): all names are to be looked for.
  void await_names(Dirty what);

  [[nodiscard]] bool awaits_names() const { return !unnamed_.empty(); }

  // From here on they are looked for; what comes meanwhile waits for the next time. Those that wait now.
  std::vector<Dirty> seek();
  // They were.
  void release();

  // The lowest order of all; nullopt: there are none.
  [[nodiscard]] std::optional<std::uint64_t> oldest() const;

  [[nodiscard]] std::size_t size() const { return unsighted_.size() + sighted_.size() + unnamed_.size(); }

  void clear();

private:
  using Files = std::map<std::string, Dirty>; // by handle

  void join(Files& files, Dirty what);
  Dirty take_out(Files& files, Files::iterator at);

  Files unsighted_;
  Files sighted_;
  Files unnamed_;
  std::multiset<std::uint64_t> orders_;
};

} // namespace tandem::replication::stream
