#include "system/attributes.hpp"

#include <sched.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tandem::system {

namespace {

thread_local bool working_folder_is_own = false;

Result<Attributes> attributes_at(const std::string& path, bool follow) {
  Attributes attributes;
  const auto list = follow ? ::listxattr : ::llistxattr;
  const auto get = follow ? ::getxattr : ::lgetxattr;
  std::array<char, 1024> room{};
  auto size = list(path.c_str(), room.data(), room.size());
  if (size == 0) return attributes;
  if (size < 0 && (errno == ENOTSUP || errno == EPERM)) return attributes;
  std::string names(room.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  while (size < 0 && errno == ERANGE) {
    names.resize(std::max<std::size_t>(names.size() * 4, 4096));
    size = list(path.c_str(), names.data(), names.size());
  }
  if (size < 0) return system_error("listing attributes");
  for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
    const std::string name = names.c_str() + at;
    at += name.size() + 1;
    std::string value(256, '\0'); // most are short
    auto got = get(path.c_str(), name.c_str(), value.data(), value.size());
    if (got < 0 && errno == ERANGE) {
      value.resize(65536); // XATTR_SIZE_MAX
      got = get(path.c_str(), name.c_str(), value.data(), value.size());
    }
    if (got < 0 && errno == ENODATA) continue;
    if (got < 0) return system_error("reading the attribute " + name);
    value.resize(static_cast<std::size_t>(got));
    attributes[name] = value;
  }
  return attributes;
}

} // namespace

// By /proc, since an O_PATH descriptor, the only kind that a link has, takes no fgetxattr().
std::string path_of(int file) {
  return "/proc/self/fd/" + std::to_string(file);
}

Result<Attributes> attributes_of(int file) {
  return attributes_at(path_of(file), true);
}

Result<void> set_attributes(int file, const Attributes& wanted) {
  TANDEM_TRY(const auto present, attributes_of(file));
  const auto path = path_of(file);
  for (const auto& [name, value] : present)
    if (!wanted.contains(name) && ::removexattr(path.c_str(), name.c_str()) != 0 && errno != ENODATA)
      return system_error("removing the attribute " + name);
  for (const auto& [name, value] : wanted) {
    const auto known = present.find(name);
    if (known != present.end() && known->second == value) continue;
    if (::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0)
      return system_error("setting the attribute " + name);
  }
  return {};
}

// A container may forbid the call: then /proc does.
void take_own_working_folder() {
  working_folder_is_own = ::unshare(CLONE_FS) == 0;
}

NamesIn::NamesIn(int folder) {
  if (!working_folder_is_own || ::fchdir(folder) != 0) before_ = path_of(folder) + "/";
}

Result<Attributes> NamesIn::attributes_of(const std::string& name) const {
  return attributes_at(before_ + name, false);
}

} // namespace tandem::system
