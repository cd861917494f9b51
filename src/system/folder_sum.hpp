// All that is compared of what stands in a folder, as one number: the same on two machines when names, kinds, owners,
// modes, sizes, times (to the nanosecond), targets and attributes are; but
// for the times of devices and the like, and the attributes of links. Content is not read.
#pragma once
#include "system/node.hpp"

#include <functional>
#include <string_view>

namespace tandem::system {

struct Sum {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Sum&) const = default;

  // In whatever order they are added.
  void add(const Sum& other) {
    high += other.high;
    low += other.low;
  }
};

struct FolderSum {
  Sum sum;
  std::uint64_t names = 0;
  std::vector<std::string> folders; // in it, but for those that are left out

  struct Linked {
    std::string name;
    FileId id; // without its instance
  };

  std::vector<Linked> linked; // names of files that have several, here or elsewhere
};

// What one of the names came to, and the folder itself under the name "".
struct NameSum {
  std::string name;
  std::uint64_t sum = 0;
  bool folder = false;
  bool other = false; // a device, a socket or a pipe
};

using LeaveOutName = std::function<bool(const std::string& name, bool folder)>;

// Of an open folder: it itself and what is in it, not what is in the folders in it. In the order in which the names are
// read, and no list of them is made: memory is bounded however many there are. `each`: but for this one, where one is
// wanted.
Result<FolderSum> sum_of_folder(int folder, const LeaveOutName& leave_out, std::vector<NameSum>* each = nullptr);

// Which of some names lead to one file.
[[nodiscard]] Sum sum_of_names(const std::vector<std::string>& names);

} // namespace tandem::system
