// Which names lead to one file, as far as that is known: hard links, of files that have several names. On the standby
// each root has such a file for itself. What is known may be out of date, and is to be looked at before it is believed.
// Pure.
#pragma once
#include "replication/files/stream_messages.hpp"

#include <map>
#include <optional>
#include <set>

namespace tandem::replication::stream {

class LinkedNames {
public:
  using Key = system::FileId;

  struct File {
    std::uint64_t links = 0;                         // names in all, wherever they are
    std::uint64_t sought = 0;                        // so many it had when all were looked for
    std::set<Place> names = {};                      // may be none
    std::map<std::uint16_t, Place> first_names = {}; // by root: the name under which the standby has it, or will

    [[nodiscard]] bool is_complete() const { return names.size() >= links || sought == links; }

    [[nodiscard]] std::vector<Place> names_in(std::uint16_t root) const;
    // Of each other root one.
    [[nodiscard]] std::vector<Place> names_beside(std::uint16_t root) const;
  };

  // That file, which has so many names now. The references hold until forget(), rename() or clear().
  File& file_of(const Key& key, std::uint64_t links);
  // It is a name of that file, and of no other: forget() it before. `known`: it is believed that the standby has it.
  File& note(const Place& place, const Key& key, std::uint64_t links, bool known);

  struct Left {
    Place name;
    Place other; // one that remains
  };

  // Neither it nor what lies below it is a name of what it was: those whose files have other names.
  std::vector<Left> forget(const Place& place);
  // The same, but for the place itself.
  std::vector<Left> forget_below(const Place& place);
  // What was at the new name is to be forgotten before.
  void rename(const Place& from, const Place& to);
  // All names of that file were looked for.
  void sought(const Key& key);
  // Nothing is to be remembered of it, unless a name is.
  void drop(const Key& key);
  // nullptr: nothing is known of it.
  [[nodiscard]] const File* file(const Key& key) const;
  [[nodiscard]] const File* file_at(const Place& place) const;
  [[nodiscard]] bool is_of(const Place& place, const Key& key) const;
  void clear();

private:
  std::vector<Left> forget_all(const std::vector<Place>& names);
  std::optional<Place> forget_one(const Place& place);
  static void take_name(File& file, const Place& place);

  std::map<Key, File> files_;
  std::map<Place, Key> keys_;
};

} // namespace tandem::replication::stream
