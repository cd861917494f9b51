// Which names lead to one file, as far as that is known: hard links, of files that have several names, within one root.
// What is known may be out of date, and is to be looked at before it is believed. Pure.
#pragma once
#include "replication/files/stream_messages.hpp"

#include <map>
#include <optional>
#include <set>

namespace tandem::replication::stream {

class LinkedNames {
public:
  struct File {
    std::uint64_t links = 0;         // names in all, wherever they are
    std::uint64_t sought = 0;        // so many it had when all were looked for
    std::optional<Place> first = {}; // the name under which the standby has it, or will
    std::set<Place> names = {};

    [[nodiscard]] bool is_complete() const { return names.size() >= links || sought == links; }
  };

  // It is a name of that file. `known`: it is believed that the standby has it.
  File& note(const Place& place, const system::FileId& id, std::uint64_t links, bool known);
  // Neither it nor what lies below it is a name of what it was.
  void forget(const Place& place);
  void rename(const Place& from, const Place& to);
  [[nodiscard]] std::uint64_t inode_at(const Place& place) const;
  // nullptr: nothing is known of it.
  [[nodiscard]] const File* file_at(const Place& place) const;
  [[nodiscard]] const File* file_of(std::uint16_t root, const system::FileId& id) const;

  [[nodiscard]] bool empty() const { return files_.empty(); }

  // All names of that file were looked for.
  void sought(const Place& place);
  void clear();

private:
  using Key = std::pair<std::uint16_t, system::FileId>;

  void forget_one(const Place& place);

  std::map<Key, File> files_;
  std::map<Place, Key> keys_;
};

} // namespace tandem::replication::stream
