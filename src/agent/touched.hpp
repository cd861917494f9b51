// What one pass over the files changed on the standby, with the folders around it: what has to reach its disk. Pure.
#pragma once
#include <set>
#include <string>

namespace tandem::agent {

class Touched {
public:
  // A path as rsync names it, absolute; a folder's ends with "/". What rsync wrote in its escape for bytes that are no
  // text is not a path any more, so everything counts as touched then.
  void add(std::string path);

  [[nodiscard]] const std::set<std::string>& paths() const { return paths_; }

  // So much, or so unclear, that everything is to be brought to the disk.
  [[nodiscard]] bool whole() const { return whole_; }

private:
  std::set<std::string> paths_;
  bool whole_ = false;
};

} // namespace tandem::agent
