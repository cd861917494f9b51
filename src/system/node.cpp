#include "system/node.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tandem::system {

namespace {

timespec to_timespec(std::int64_t ns) {
  constexpr std::int64_t second = 1'000'000'000;
  auto seconds = ns / second;
  auto rest = ns % second;
  if (rest < 0) {
    --seconds;
    rest += second;
  }
  return {.tv_sec = seconds, .tv_nsec = rest};
}

std::int64_t to_ns(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

FileType type_of_mode(mode_t mode) {
  if (S_ISREG(mode)) return FileType::regular;
  if (S_ISDIR(mode)) return FileType::folder;
  return S_ISLNK(mode) ? FileType::link : FileType::other;
}

std::uint64_t take_bytes(std::uint64_t digest, std::string_view bytes) { // FNV-1a
  for (const auto byte : bytes)
    digest = (digest ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  return digest;
}

constexpr std::uint64_t no_bytes = 0xcbf29ce484222325U;

// `name` in the folder; "" is what the descriptor itself is of. A container may forbid the call.
Result<std::uint64_t> instance_of(int folder, const std::string& name) {
  alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> room{};
  auto* handle = reinterpret_cast<file_handle*>(room.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(folder, name.c_str(), handle, &mount, name.empty() ? AT_EMPTY_PATH : 0) == 0)
    return instance_of_handle({room.data() + sizeof(file_handle), handle->handle_bytes});
  if (errno == EOPNOTSUPP || errno == EOVERFLOW || errno == ENOSYS || errno == EPERM) return 0U;
  return system_error("asking which file it is");
}

Node plain_node(const struct stat& status) {
  return {.exists = true,
          .type = type_of_mode(status.st_mode),
          .mode = status.st_mode & 07777U,
          .uid = status.st_uid,
          .gid = status.st_gid,
          .size = S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0,
          .modified_ns = to_ns(status.st_mtim),
          .target = {},
          .attributes = {},
          .links = S_ISREG(status.st_mode) ? status.st_nlink : 1,
          .id = {.device = status.st_dev, .inode = status.st_ino}};
}

// `name` in the folder; "" is what the descriptor itself is of.
Result<std::string> link_target(int folder, const std::string& name) {
  std::string target(4096, '\0');
  const auto size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
  if (size < 0) return system_error("reading a link");
  target.resize(static_cast<std::size_t>(size));
  return target;
}

Result<Node> node_of(int file, const struct stat& status) {
  auto node = plain_node(status);
  if (node.type == FileType::link) {
    TANDEM_TRY(node.target, link_target(file, ""));
  } else {
    TANDEM_TRY(node.attributes, attributes_of(file));
  }
  if (node.type == FileType::regular) {
    TANDEM_TRY(node.id.instance, instance_of(file, ""));
  }
  return node;
}

} // namespace

bool Node::operator==(const Node& other) const {
  if (!exists || !other.exists) return exists == other.exists;
  return type == other.type && mode == other.mode && uid == other.uid && gid == other.gid && size == other.size &&
         modified_ns == other.modified_ns && target == other.target && attributes == other.attributes;
}

// The owner first: chown() takes away set-user-id bits and capabilities. The time last.
Result<void> set_all(int file, const Node& node) {
  if (::fchown(file, node.uid, node.gid) != 0) return system_error("setting an owner");
  if (::fchmod(file, node.mode) != 0) return system_error("setting a mode");
  TANDEM_CHECK(set_attributes(file, node.attributes));
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, to_timespec(node.modified_ns)};
  if (::futimens(file, times) != 0) return system_error("setting a time");
  return {};
}

Result<void> set_all_of_link(int folder, const std::string& name, const Node& node) {
  if (::fchownat(folder, name.c_str(), node.uid, node.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return system_error("setting the owner of " + name);
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, to_timespec(node.modified_ns)};
  if (::utimensat(folder, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    return system_error("setting the time of " + name);
  return {};
}

std::optional<Digest> digest_at(int folder, const NamesIn& names, const std::string& name) {
  struct stat status{};
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return Digest{.unread = true};
  }
  auto node = plain_node(status);
  if (node.type == FileType::folder) return Digest{};
  if (node.type == FileType::other) return Digest{.value = digest_of({.exists = true})};
  Result<void> rest;
  if (node.type == FileType::link) {
    auto target = link_target(folder, name);
    rest = target ? Result<void>() : std::unexpected(target.error());
    node.target = target.value_or("");
  } else {
    auto attributes = names.attributes_of(name);
    rest = attributes ? Result<void>() : std::unexpected(attributes.error());
    if (attributes) node.attributes = std::move(*attributes);
  }
  if (rest && node.links > 1) {
    const auto instance = instance_of(folder, name);
    rest = instance ? Result<void>() : std::unexpected(instance.error());
    node.id.instance = instance.value_or(0);
  }
  if (rest) return Digest{.value = digest_of(node), .links = node.links, .id = node.id};
  if (rest.error().kind == ErrorKind::not_found) return std::nullopt; // gone since
  return Digest{.unread = true};                                      // or another by now
}

std::uint64_t digest_of(const Node& node) {
  std::uint64_t digest = no_bytes;
  const auto take = [&](std::string_view bytes) { digest = take_bytes(digest, bytes); };
  const auto take_number = [&](std::uint64_t value) {
    for (int count = 0; count < 8; ++count, value >>= 8U)
      digest = (digest ^ (value & 0xffU)) * 0x100000001b3U;
  };
  for (const auto value :
       {static_cast<std::uint64_t>(node.type), static_cast<std::uint64_t>(node.mode),
        static_cast<std::uint64_t>(node.uid), static_cast<std::uint64_t>(node.gid), node.size,
        static_cast<std::uint64_t>(node.modified_ns), std::uint64_t{node.links > 1 ? 1U : 0U}, node.target.size()})
    take_number(value);
  take(node.target);
  for (const auto& [name, value] : node.attributes) {
    take_number(name.size());
    take(name);
    take_number(value.size());
    take(value);
  }
  return digest == 0 ? 1 : digest;
}

Result<Node> look_at(int file) {
  struct stat status{};
  if (::fstat(file, &status) != 0) return system_error("looking at a file");
  return node_of(file, status);
}

std::uint64_t instance_of_handle(std::string_view handle) {
  return take_bytes(no_bytes, handle);
}

// Of a file that is being removed the kernel may say, for a moment, that it had no memory: seen with Linux 6.18 on
// ext4.
Descriptor open_by_handle(int folder, std::string handle) {
  constexpr int most_tries = 100;
  Descriptor file;
  for (int tries = 0; tries < most_tries; ++tries) {
    file = Descriptor(::open_by_handle_at(folder, reinterpret_cast<file_handle*>(handle.data()), O_PATH | O_CLOEXEC));
    if (file || errno != ENOMEM) break;
  }
  return file;
}

bool is_same_file(int one, int other) {
  struct stat first{};
  struct stat second{};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

Result<std::string> read_piece(int file, std::uint64_t offset, std::size_t size) {
  std::string piece;
  bool failed = false;
  piece.resize_and_overwrite(size, [&](char* room, std::size_t length) { // which is not cleared before
    std::size_t got = 0;
    while (got < length) {
      const auto count = ::pread(file, room + got, length - got, static_cast<off_t>(offset + got));
      if (count < 0 && errno == EINTR) continue;
      failed = count < 0;
      if (count <= 0) break;
      got += static_cast<std::size_t>(count);
    }
    return got;
  });
  if (failed) return system_error("reading a file");
  return piece;
}

Result<void> write_piece(int file, std::uint64_t offset, std::string_view bytes) {
  constexpr std::size_t block = 4096;
  while (!bytes.empty()) {
    auto part = bytes.substr(0, block);
    if (part.find_first_not_of('\0') == std::string_view::npos) {
      offset += part.size();
      bytes.remove_prefix(part.size());
      continue;
    }
    // As long as the blocks are not empty they go in one call.
    std::size_t length = part.size();
    while (length < bytes.size() && bytes.substr(length, block).find_first_not_of('\0') != std::string_view::npos)
      length += std::min(block, bytes.size() - length);
    const auto count = ::pwrite(file, bytes.data(), length, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("writing a file");
    offset += static_cast<std::uint64_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

} // namespace tandem::system
