// What there is to know of a file, a folder or a link, but for its content; read and set by open descriptors.
#pragma once
#include "system/attributes.hpp"
#include "system/descriptor.hpp"
#include "system/files.hpp"

#include <optional>
#include <string>

namespace tandem::system {

// By which two names are known to lead to one file.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  // Tells it from the files that had the number before; out of the handle, name_to_handle_at(2), in which the file
  // system has a generation for that. 0: it makes no handles.
  std::uint64_t instance = 0;
  auto operator<=>(const FileId&) const = default;
};

struct Node {
  bool exists = false;
  FileType type = FileType::other; // devices, sockets and pipes are "other", and are neither read nor made
  std::uint32_t mode = 0;          // 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0; // of a regular file; else 0
  std::int64_t modified_ns = 0;
  std::string target; // of a link
  Attributes attributes;
  std::uint64_t links = 1; // of a regular file: its names; not compared
  FileId id = {};          // on this machine; not compared
  bool operator==(const Node& other) const;
};

// All that is compared of it, and whether a file has several names, in 64 bits; never 0. The same on every machine.
[[nodiscard]] std::uint64_t digest_of(const Node& node);

// Of a name in a folder.
struct Digest {
  std::uint64_t value = 0; // digest_of what look() says; of folders 0
  bool unread = false;     // it is there, and cannot be looked at
  std::uint64_t links = 1; // as in Node
  FileId id = {};          // of one that has several names
};

// Of an open file: what look() says.
Result<Node> look_at(int file);
// Of a name in an open folder, which `names` is of as well; nothing when it is not there.
[[nodiscard]] std::optional<Digest> digest_at(int folder, const NamesIn& names, const std::string& name);
// Owner, mode, attributes and time, in an order in which none takes away another.
Result<void> set_all(int file, const Node& node);
Result<void> set_all_of_link(int folder, const std::string& name, const Node& node);
// FileId::instance of the file that has that handle; without what says of which file system it is.
[[nodiscard]] std::uint64_t instance_of_handle(std::string_view handle);
// What a struct file_handle in bytes is of; `folder`: an open one on its file system. None: as open_by_handle_at(2) has
// it in errno.
Descriptor open_by_handle(int folder, std::string handle);
// Whether both descriptors are of one file.
[[nodiscard]] bool is_same_file(int one, int other);
// At most `size` bytes from `offset`; fewer only at the end.
Result<std::string> read_piece(int file, std::uint64_t offset, std::size_t size);
// Where the piece is nothing but zeros the file gets a hole.
Result<void> write_piece(int file, std::uint64_t offset, std::string_view bytes);

} // namespace tandem::system
