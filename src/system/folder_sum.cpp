#define XXH_INLINE_ALL
#include "system/folder_sum.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>

namespace tandem::system {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are taken as they lie in memory");

// What is summed up of one name, as bytes.
class Bytes {
public:
  void begin() { text_.clear(); }

  void number(std::uint64_t value) {
    std::array<char, sizeof value> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    text_.append(bytes.data(), bytes.size());
  }

  void text(std::string_view value) {
    number(value.size());
    text_ += value;
  }

  // XXH3 in 128 bits. The names of a folder are added up, so no two of them may hide each other: no hash that is linear
  // in its last bytes would do.
  [[nodiscard]] Sum sum() const {
    const auto hash = XXH3_128bits(text_.data(), text_.size());
    return {.high = hash.high64, .low = hash.low64};
  }

private:
  std::string text_;
};

enum class Kind : std::uint8_t { regular, folder, link, other, itself };

void put_meta(Bytes& bytes, const struct stat& status, const Attributes& attributes) {
  for (const auto value :
       {static_cast<std::uint64_t>(status.st_mode & 07777U), std::uint64_t{status.st_uid}, std::uint64_t{status.st_gid},
        static_cast<std::uint64_t>(status.st_mtim.tv_sec), static_cast<std::uint64_t>(status.st_mtim.tv_nsec)})
    bytes.number(value);
  bytes.number(attributes.size());
  for (const auto& [name, value] : attributes) {
    bytes.text(name);
    bytes.text(value);
  }
}

class Reading {
public:
  Reading(int folder, const LeaveOutName& leave_out, std::vector<NameSum>* each)
      : folder_(folder), leave_out_(leave_out), each_(each), names_(folder) {}

  Result<FolderSum> run() {
    TANDEM_CHECK(itself());
    // A description of its own: the position in the folder is shared by copies.
    Descriptor own(::openat(folder_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!own) return system_error("reading a folder");
    const std::unique_ptr<DIR, int (*)(DIR*)> open(::fdopendir(own.get()), ::closedir);
    if (!open) return system_error("reading a folder");
    [[maybe_unused]] const auto taken = own.release();
    for (;;) {
      errno = 0;
      const auto* entry = ::readdir(open.get());
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name != "." && name != "..") TANDEM_CHECK(one(name, entry->d_type));
    }
    if (errno != 0) return system_error("reading a folder");
    return std::move(found_);
  }

private:
  Result<void> itself() {
    struct stat status{};
    if (::fstat(folder_, &status) != 0) return system_error("looking at a folder");
    TANDEM_TRY(const auto attributes, attributes_of(folder_));
    bytes_.begin();
    bytes_.number(static_cast<std::uint64_t>(Kind::itself));
    put_meta(bytes_, status, attributes);
    add("", true);
    return {};
  }

  void add(const std::string& name, bool folder, bool other = false) {
    const auto sum = bytes_.sum();
    found_.sum.add(sum);
    if (each_ != nullptr) each_->push_back({.name = name, .sum = sum.high ^ sum.low, .folder = folder, .other = other});
  }

  Result<void> one(const std::string& name, unsigned char type) {
    struct stat status{};
    if (type != DT_DIR && ::fstatat(folder_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return errno == ENOENT ? Result<void>() : system_error("looking at " + name); // gone since
    const bool folder = type == DT_DIR || S_ISDIR(status.st_mode);
    if (leave_out_(name, folder)) return {};
    bytes_.begin();
    if (folder) {
      bytes_.number(static_cast<std::uint64_t>(Kind::folder));
      found_.folders.push_back(name);
    } else {
      TANDEM_TRY(const bool there, no_folder(name, status));
      if (!there) return {};
    }
    bytes_.text(name);
    add(name, folder, !folder && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode));
    ++found_.names;
    return {};
  }

  // False: gone since.
  Result<bool> no_folder(const std::string& name, const struct stat& status) {
    const bool link = S_ISLNK(status.st_mode);
    const bool regular = S_ISREG(status.st_mode);
    if (status.st_nlink > 1) found_.linked.push_back({name, {.device = status.st_dev, .inode = status.st_ino}});
    bytes_.number(static_cast<std::uint64_t>(link ? Kind::link : regular ? Kind::regular : Kind::other));
    auto attributes = link ? Result<Attributes>() : names_.attributes_of(name);
    if (!attributes && attributes.error().kind == ErrorKind::not_found) return false;
    if (!attributes) return std::unexpected(std::move(attributes).error());
    if (!link && !regular) { // a device and the like: what it is, and not when it was made
      auto timeless = status;
      timeless.st_mtim = {};
      put_meta(bytes_, timeless, *attributes);
      bytes_.number(status.st_mode & S_IFMT);
      bytes_.number(S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode) ? status.st_rdev : 0);
      return true;
    }
    put_meta(bytes_, status, *attributes);
    if (!link) {
      bytes_.number(static_cast<std::uint64_t>(status.st_size));
      return true;
    }
    std::array<char, 4097> target{};
    const auto size = ::readlinkat(folder_, name.c_str(), target.data(), target.size());
    if (size < 0) return errno == ENOENT ? Result<bool>(false) : system_error("reading the link " + name);
    bytes_.text({target.data(), static_cast<std::size_t>(size)});
    return true;
  }

  int folder_;
  const LeaveOutName& leave_out_;
  std::vector<NameSum>* each_;
  NamesIn names_;
  Bytes bytes_;
  FolderSum found_;
};

} // namespace

Result<FolderSum> sum_of_folder(int folder, const LeaveOutName& leave_out, std::vector<NameSum>* each) {
  return Reading(folder, leave_out, each).run();
}

Sum sum_of_names(const std::vector<std::string>& names) {
  Bytes bytes;
  bytes.begin();
  for (const auto& name : names)
    bytes.text(name);
  return bytes.sum();
}

} // namespace tandem::system
