// What became of each deploy and rollback of a site on this server, and all that was said meanwhile. A record and a
// text lie in STATE/deploys/DOMAIN/, the latest 50 of them; the site's secrets have been taken out of both.
#pragma once
#include "sites/release.hpp"
#include "sites/tools.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tandem::sites {

struct DeployRecord {
  std::uint64_t number = 0; // counts the site's deploys and rollbacks on this server from 1, never used twice
  std::string what;         // "deploy" or "rollback"
  std::string who;          // asked for it
  std::string wanted;       // the branch, tag, commit or release that was asked for; empty: what goes without saying
  std::int64_t began = 0;   // seconds since the epoch
  std::int64_t ended = 0;   // 0: it has not, or was cut off
  std::string from_release; // served when it began; empty: nothing
  std::string from_commit;  // empty: not known
  std::string to_release;   // empty: it did not come so far
  std::string to_commit;    // the same
  std::string outcome;      // "running", "done", "failed", "cut off" or "damaged"
  std::string failure;      // why, when it failed
  std::vector<std::string> warnings;
  bool operator==(const DeployRecord&) const = default;
};

[[nodiscard]] std::string to_text(const DeployRecord& record);
// invalid when it is damaged, refused when a later version of tandem wrote it.
[[nodiscard]] Result<DeployRecord> deploy_record_from(const std::string& text);

// Of all sites of this server. Hold the site's lock to change anything; reading needs none.
class DeployLogs {
public:
  DeployLogs(system::Files& files, Layout layout) : files_(files), layout_(std::move(layout)) {}

  static constexpr std::size_t most_kept = 50;

  // The newest first. One that cannot be read counts as "damaged". Of those that say "running" only the newest can be,
  // and only while somebody holds the site's lock (`at_work`); the others were cut off with their agent.
  Result<std::vector<DeployRecord>> list(const std::string& domain, bool at_work);
  // not_found: there is none of that number.
  Result<DeployRecord> find(const std::string& domain, std::uint64_t number, bool at_work);
  // What was said, a line each with its time (UTC); empty where nothing was kept.
  Result<std::string> text(const std::string& domain, std::uint64_t number);

  // Stores the record with the next number, and removes the oldest beyond most_kept. Those that were cut off say so
  // from now on.
  Result<DeployRecord> begin(const std::string& domain, DeployRecord record);
  Result<void> store(const std::string& domain, const DeployRecord& record);
  Result<void> append(const std::string& domain, std::uint64_t number, const std::string& lines);

private:
  Result<std::vector<DeployRecord>> read_all(const std::string& domain);
  [[nodiscard]] std::string path_of(const std::string& domain, std::uint64_t number, const char* kind) const;

  system::Files& files_;
  Layout layout_;
};

// One deploy's log while it is written. A disk that takes no log stops no deploy: what goes wrong is told once, to
// `on_problem`, and the rest is not kept.
class DeployLog {
public:
  DeployLog(const Tools& tools, std::string domain, DeployRecord record, Progress on_problem);

  // Kept at once, but for lines that follow another within a moment: those go to the disk together, with the next line
  // or by flush().
  void line(const std::string& line);
  void flush();
  // The release that it is about, as soon as it is known.
  void chosen(const Release& release);
  // How it ended; call one of them, once.
  void done(const std::vector<std::string>& warnings);
  void failed(const std::string& why);

  static constexpr std::size_t most_text = 4 << 20; // bytes; what is said beyond is not kept

private:
  void end();
  void noted(const Result<void>& result);

  DeployLogs logs_;
  system::Clock& clock_;
  std::string domain_;
  DeployRecord record_;
  Progress on_problem_;
  bool broken_ = false;
  std::string waiting_;
  std::size_t written_ = 0;
  std::chrono::nanoseconds flushed_{};
};

} // namespace tandem::sites
