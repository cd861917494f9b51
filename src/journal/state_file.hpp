// A small file of durable state: JSON with a kind and a version, replaced in one rename and fsynced, so that a
// reader sees the old content or the new one. A file of a newer version is refused, never half understood.
//   { "tandem": "role", "version": 1, "content": { … } }
#pragma once
#include "base/result.hpp"
#include "system/files.hpp"

#include <optional>
#include <string>

namespace tandem::journal {

struct Versioned {
  int version = 0;     // as written in the file; 1 … the newest that the caller knows
  std::string content; // JSON text of the content
};

// Pure parts, for tests and fuzzing. `content` must be JSON text; wrap() keeps it as it is.
[[nodiscard]] std::string wrap(const std::string& kind, int version, const std::string& content);
// Kind `invalid`: the text is no such file, is of another kind, or of a version above `newest`.
[[nodiscard]] Result<Versioned> unwrap(const std::string& kind, int newest, const std::string& text);

// One thread at a time.
class StateFile {
public:
  StateFile(system::Files& files, std::string path, std::string kind, int version)
      : files_(&files), path_(std::move(path)), kind_(std::move(kind)), version_(version) {}

  // nullopt when there is no such file yet.
  [[nodiscard]] Result<std::optional<Versioned>> load() const;
  // Durable when it returns; after an error the old content stands.
  [[nodiscard]] Result<void> store(const std::string& content) const;

  [[nodiscard]] const std::string& path() const { return path_; }

private:
  system::Files* files_;
  std::string path_;
  std::string kind_;
  int version_;
};

} // namespace tandem::journal
