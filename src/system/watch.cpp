#include "system/watch.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <iterator>

namespace tandem::system {

Result<Watch> Watch::open(const std::vector<std::string>& folders, const WatchWish& wish) {
  if (folders.empty()) return failed("there is no folder to watch");
  Watch watch;
  watch.by_name_ = folders;
  if (!wish.each_folder) {
    TANDEM_TRY(auto marks, MarkWatch::open(folders));
    watch.by_name_ = marks.unwatched();
    watch.marks_ = std::move(marks);
  }
  if (!watch.by_name_.empty()) {
    TANDEM_TRY(auto each, FolderWatch::open(watch.by_name_, wish.leave_out));
    watch.unwatched_ = each.unwatched();
    std::erase_if(watch.by_name_, [&](const std::string& path) {
      return std::ranges::find(watch.unwatched_, path) != watch.unwatched_.end();
    });
    watch.folders_ = std::move(each);
  }
  if (watch.unwatched_.size() == folders.size())
    return failed(join(folders, ", ") + " cannot be watched: " + watch.folders_->why_not());
  return watch;
}

std::array<int, 2> Watch::descriptors() const {
  return {marks_ ? marks_->descriptor() : -1, folders_ ? folders_->descriptor() : -1};
}

Result<std::vector<FileChange>> Watch::read(bool& more) {
  more = false;
  std::vector<FileChange> all;
  if (marks_) {
    TANDEM_TRY(all, marks_->read(more));
  }
  if (folders_) {
    bool more_there = false;
    TANDEM_TRY(auto changes, folders_->read(more_there));
    more = more || more_there;
    all.insert(all.end(), std::make_move_iterator(changes.begin()), std::make_move_iterator(changes.end()));
  }
  return all;
}

} // namespace tandem::system
