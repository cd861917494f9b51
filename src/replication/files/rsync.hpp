// rsync: the argument lists of both ends, and its words. Pure.
//
// The primary's rsync sends; the far side's agent starts `rsync --server` with its own list. Nothing of that list comes
// over the wire but which root, whether it is a rehearsal, and a number.
#pragma once
#include "base/result.hpp"
#include "model/pair.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::replication {

struct RsyncJob {
  std::string root;                                 // absolute, one of [files] replicate
  bool rehearsal = false;                           // says what would change, and changes nothing
  std::optional<std::uint64_t> most_deletions = {}; // stops deleting after so many
  std::string keep_in = {};                         // far side: what is replaced or deleted goes there; "": nowhere
  bool data_only = false;                           // leaves code alone: no deploy can have changed it
};

// What does not go to the standby, as rsync's filter rules, relative to the root. An excluded folder itself is carried,
// empty: an application that finds its folder missing does not start. Excluded files that are on the standby stay
// there, unless the folder around them is deleted. Code (a site's releases and virtualenvs) is carried whole, since a
// virtualenv may well have a package named "logs"; so is its git repository, with which a new primary deploys.
[[nodiscard]] std::vector<std::string> filter_rules(const model::Pair& pair, const std::string& root,
                                                    bool data_only = false);

// `transport`: the command, as one text, that rsync starts to reach the far side.
[[nodiscard]] std::vector<std::string> client_arguments(const RsyncJob& job, const std::vector<std::string>& rules,
                                                        const std::string& transport);
[[nodiscard]] std::vector<std::string> server_arguments(const RsyncJob& job);

enum class ChangeKind { sent, changed, deleted }; // changed: made or altered without content from a file

struct FileChange {
  ChangeKind kind = ChangeKind::changed;
  std::uint64_t size = 0;
  std::string path;  // relative to the root, as rsync escapes it
  bool made = false; // it was not at the target before
  bool operator==(const FileChange&) const = default;
};

// One line of --out-format="%i %l %n"; nullopt for any other line.
[[nodiscard]] std::optional<FileChange> parse_change(std::string_view line);

struct RsyncStats {
  std::uint64_t files = 0;       // at the source, folders and links included
  std::uint64_t created = 0;     // of them not at the target before
  std::uint64_t deleted = 0;     // at the target only
  std::uint64_t transferred = 0; // regular files whose content was sent
  std::uint64_t bytes = 0;       // of content as it went over the wire
  bool operator==(const RsyncStats&) const = default;

  // What the target had before.
  [[nodiscard]] std::uint64_t at_target() const { return files - created + deleted; }
};

Result<RsyncStats> parse_stats(std::string_view output);

// The path lies in a site's releases or virtualenvs: tandem deletes there by itself when it cleans up after a deploy.
[[nodiscard]] bool is_code(const std::string& root, std::string_view path);

struct Deletions {
  std::uint64_t wanted = 0;  // code not counted
  std::uint64_t made = 0;    // names that come beside: they are set against those that go, but for what goes at once
  std::uint64_t earlier = 0; // within this hour
  bool stopped = false;      // none is allowed before a person has looked
  bool source_empty = false;
};

constexpr std::uint64_t few_deletions = 100; // that are allowed within an hour, however few files there are

// The deletion guard: refused when more than this part of what the standby has would vanish, or with what has vanished
// within the hour more than this part of what it had then and more than a few; or when everything would.
Result<void> check_deletions(const std::string& root, const RsyncStats& rehearsed, const Deletions& deletions,
                             double deletion_guard);

// How many deletions the run that follows may make at the most: those that were rehearsed, or what the guard leaves.
[[nodiscard]] std::uint64_t most_deletions(const RsyncStats& rehearsed, const Deletions& deletions,
                                           double deletion_guard);

} // namespace tandem::replication
