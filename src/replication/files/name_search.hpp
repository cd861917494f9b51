// Looks for all names of some files by reading the names in all folders of the roots, one folder at a time: names come
// with the numbers of their inodes, so that little else is looked at.
#pragma once
#include "replication/files/patterns.hpp"
#include "replication/files/stream_messages.hpp"
#include "system/tree.hpp"

#include <set>

namespace tandem::replication::stream {

struct Root {
  system::Tree tree;
  Patterns patterns = {};
};

class NameSearch {
public:
  struct Found {
    Place place;
    system::Node node;
  };

  void begin(std::set<system::FileId> files, std::size_t roots);

  [[nodiscard]] bool is_under_way() const { return !files_.empty(); }

  // False: all was read. What has moved meanwhile is known once the kernel had nothing more to tell.
  [[nodiscard]] bool has_more() const { return !folders_.empty(); }

  [[nodiscard]] const std::set<system::FileId>& files() const { return files_; }

  // Something has that name now, and may have had another in a folder that was still to be read.
  void moved(const Place& to, bool folder);
  // One folder more. An error when it cannot be read: a name in it would be missed.
  Result<std::vector<Found>> step(const std::vector<Root>& roots);
  void clear();

private:
  struct Folder {
    Place place;
    bool deep = true;
  };

  std::vector<Folder> folders_; // the next one last
  std::set<system::FileId> files_;
  std::set<std::uint64_t> inodes_; // of them
};

} // namespace tandem::replication::stream
