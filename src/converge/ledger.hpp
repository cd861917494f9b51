// What apply remembers between runs: which contents it wrote itself, so that a person's edit is recognised, and
// which services still have to be told of a change, so that a run cut off in between is finished by the next.
// Lies in /var/lib/tandem/converge.json, versioned, replaced atomically before each step that depends on it.
#pragma once
#include "base/result.hpp"
#include "converge/resource.hpp"
#include "system/files.hpp"

#include <map>
#include <set>

namespace tandem::converge {

// Who wrote the content that a file has now.
enum class Authorship {
  nobody,    // there is no file
  tandem,    // as tandem wrote it last
  elsewhere, // the file was there before tandem managed it (Debian's own, as a rule)
  edited,    // tandem wrote it, and somebody changed it since
};

// A reaction's kind as files of state spell it.
std::string name_of(ReactionKind kind);
Result<ReactionKind> reaction_kind_of(const std::string& name);

std::string content_hash(const std::string& content); // SHA-256, hexadecimal

class Ledger {
public:
  explicit Ledger(std::string path) : path_(std::move(path)) {}

  // An absent file is an empty ledger; an unreadable or newer one is an error.
  Result<void> load(system::Files& files);
  Result<void> save(system::Files& files) const;

  [[nodiscard]] Authorship author(const std::string& path, const std::string& content) const;
  // Before a write: the old hash stays valid beside the new one, and the write is open until it is known to have
  // happened and its program has accepted the file.
  void expect(const std::string& path, const std::string& content);
  void settle(const std::string& path, const std::string& content);
  // What lies there is not tandem's any more.
  void forget(const std::string& path);

  // A run was cut off between expect() and settle().
  [[nodiscard]] bool is_open(const std::string& path) const { return open_.contains(path); }

  [[nodiscard]] bool manages(const std::string& path) const { return hashes_.contains(path); }

  void owe(const Reaction& reaction) { owed_.insert(reaction); }

  void paid(const Reaction& reaction) { owed_.erase(reaction); }

  [[nodiscard]] const std::set<Reaction>& owed() const { return owed_; }

private:
  std::string path_;
  std::map<std::string, std::vector<std::string>> hashes_;
  std::set<std::string> open_; // paths
  std::set<Reaction> owed_;
};

} // namespace tandem::converge
