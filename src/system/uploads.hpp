// The port to files that somebody else writes: partners who upload. All paths are absolute; none is followed when it is
// a symbolic link.
#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <string>

namespace tandem::system {

class Uploads {
public:
  virtual ~Uploads() = default;

  // Whether a program has the file open for writing at this moment: no read lease on it is to be had then
  // (fcntl(2), F_SETLEASE). On file systems without leases: false.
  virtual Result<bool> is_being_written(const std::string& path) = 0;
  // As Files::rename. Between two file systems it is first renamed to `aside`, beside itself, where nothing that comes
  // under its name reaches it, then copied, to ".half" beside the target, and goes once the copy is durable. Cut off,
  // or unavailable because somebody goes on writing to it, it lies at `aside`: the same call with that as `from` goes
  // on.
  virtual Result<void> move(const std::string& from, const std::string& aside, const std::string& to) = 0;
  // At most so many bytes of a file from there on; fewer only at its end.
  virtual Result<std::string> read_part(const std::string& path, std::uint64_t offset, std::size_t most) = 0;
};

// The real one. Stateless; may be used from any thread.
class LinuxUploads final : public Uploads {
public:
  Result<bool> is_being_written(const std::string& path) override;
  Result<void> move(const std::string& from, const std::string& aside, const std::string& to) override;
  Result<std::string> read_part(const std::string& path, std::uint64_t offset, std::size_t most) override;
};

} // namespace tandem::system
