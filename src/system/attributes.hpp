// Extended attributes: access lists and capabilities are among them.
#pragma once
#include "base/result.hpp"

#include <map>
#include <string>

namespace tandem::system {

using Attributes = std::map<std::string, std::string>;

// By which the kernel finds an open file; also of one without a name, and of a link.
[[nodiscard]] std::string path_of(int file);

// Of an open file, one that is open for its path alone (O_PATH) too. On a file system without attributes: none.
Result<Attributes> attributes_of(int file);
Result<void> set_attributes(int file, const Attributes& wanted);

// The calling thread has a working folder of its own from now on (unshare(2), CLONE_FS), which NamesIn makes use of:
// an attribute by a name in the working folder takes a third of the time that it takes by way of /proc.
void take_own_working_folder();

// To look at many names in one open folder. A thread has one of these at a time.
class NamesIn {
public:
  explicit NamesIn(int folder);

  // Of a name in it; of a link its own. not_found: it is gone.
  [[nodiscard]] Result<Attributes> attributes_of(const std::string& name) const;

private:
  std::string before_; // a name, so that the kernel finds it
};

} // namespace tandem::system
