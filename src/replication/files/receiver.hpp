// The standby's end of the file stream: does what the messages say, below its roots and nowhere else. What cannot be
// done is said, and the sender tries again; a reader never sees half a file.
#pragma once
#include "replication/files/incoming_files.hpp"
#include "replication/files/patterns.hpp"
#include "replication/files/stream_messages.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>

namespace tandem::replication::stream {

class Receiver {
public:
  struct Root {
    system::Tree tree;
    Patterns patterns = {};
    std::uint64_t removed = 0; // within this hour; at the start: what is known from before
    // ---- the receiver's own
    std::uint64_t extras = 0; // of `removed`, what was found when the trees were compared
    std::uint64_t came = 0;   // within this hour: what comes and goes is no loss
    std::uint64_t names = 0;  // below it an hour ago, once that matters; 0: it has not
    std::uint64_t told = 0;   // of fewer names

    [[nodiscard]] std::uint64_t fewer() const { return removed - std::min(removed, came); }
  };

  // Always allowed.
  static constexpr std::uint64_t few_removals = 100;

  // `answer`: takes what is to be sent back. `guard`: no more than this part of the names in a root are removed within
  // an hour, a few aside. When more would be it says Stop, and does nothing any more.
  Receiver(std::vector<Root> roots, double guard, std::function<void(const Message&)> answer)
      : roots_(std::move(roots)), guard_(guard), answer_(std::move(answer)) {}

  // invalid: it is no sender's word, and nothing more is to be taken.
  Result<void> take(const Message& message, std::chrono::steady_clock::time_point now);

  // What was written meanwhile is said. To be called when descriptor() is readable; -1: there is nothing to wait for.
  void say_taken();

  [[nodiscard]] int descriptor() const { return incoming_.descriptor(); }

private:
  struct Transfer {
    Place place;
    IncomingFiles::Handle file; // nullptr: it was refused
  };

  Result<system::Tree*> tree_of(const Place& place);
  void refuse(const Place& place, std::uint64_t order, const Error& error, bool extra = false);
  void refuse(const Transfer& transfer, const Error& error);
  Result<void> on(const Put& put);
  Result<void> on(const Offer& offer);
  Result<void> on(const Begin& begin);
  Result<IncomingFiles::Handle> begin(system::Tree& tree, const Begin& begin);
  Result<void> on(const Piece& piece);
  Result<void> on(const End& end);
  Result<void> on(const Drop& drop);
  Result<void> on(const Remove& remove);
  Result<void> on(const Rename& rename);
  Result<void> on(const Link& link);
  Result<void> on(const Listing& listing);
  Result<void> compare(Root& root, const Listing& listing);
  Result<void> compare_names(Root& root, const Listing& listing, std::span<const std::string> here);
  Result<void> on(const Mark& mark);
  Result<void> on(const Check& check);
  // `extra`: found when the trees were compared, see Remove.
  void remove(const Place& place, bool extra = false);
  Result<void> remove_from(Root& root, const std::string& path);
  Result<bool> may_remove(Root& root, const std::string& path, bool extra);
  bool allowed(const Place& place, bool extra = false);
  [[nodiscard]] static Result<std::uint64_t> count(const Root& root, const std::string& path);
  static void note_came(Root& root, const std::string& path);
  [[nodiscard]] bool is_too_much(const Root& root, std::uint64_t count, bool extra) const;
  void tell_removed(Root& root, std::uint64_t at_least);
  void begin_hour(std::chrono::steady_clock::time_point now);
  // Whether something was there.
  Result<bool> make_way(Root& root, const std::string& path, const system::Node& wanted);
  Result<void> replace(const Place& place, const system::Node& node,
                       const std::function<Result<void>(system::Tree& tree)>& put);

  std::vector<Root> roots_;
  double guard_;
  std::function<void(const Message&)> answer_;
  std::optional<std::chrono::steady_clock::time_point> since_ = {};
  bool stopped_ = false;
  IncomingFiles incoming_;
  std::map<std::uint64_t, Transfer> transfers_;
  // The folder whose stretches come one after the other: its names, once read.
  std::optional<Place> listed_place_;
  std::vector<std::string> listed_names_;
};

} // namespace tandem::replication::stream
