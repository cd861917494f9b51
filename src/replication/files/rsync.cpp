#include "replication/files/rsync.hpp"

#include "base/text.hpp"
#include "replication/files/patterns.hpp"

namespace tandem::replication {

namespace {

constexpr std::string_view www = "/www";
constexpr std::string_view releases = ".releases/";

// Perishable: the rule does not save what lies in a folder that is being deleted.
std::string leave_out(const std::string& pattern) {
  return "--filter=-p " + (pattern.ends_with('/') ? all_in(pattern) : pattern);
}

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

// Of uploads that nobody has taken in yet each server's are its own: a standby's would be taken for superfluous.
void leave_out_inboxes(std::vector<std::string>& rules, const model::Pair& pair, const std::string& root) {
  for (const auto& site : pair.sites)
    for (const auto& inbox : pair.inboxes(site))
      if (inbox.starts_with(root + "/") || inbox == root) rules.push_back(leave_out(inbox.substr(root.size()) + "/"));
}

std::optional<std::string> target_option(const RsyncJob& job) {
  if (!job.most_deletions) return std::nullopt;
  return "--max-delete=" + std::to_string(*job.most_deletions);
}

} // namespace

std::vector<std::string> filter_rules(const model::Pair& pair, const std::string& root, bool data_only) {
  std::vector<std::string> rules{leave_out(".*.tandem-[0-9]*-[0-9]*")}; // of a write that is not finished
  if (root == www) {
    rules.emplace_back("--filter=- /.releases/*/by-hand*");  // each server's own, from before its first release
    rules.emplace_back("--filter=- /.releases/*/building/"); // what a deploy that goes on works with
    for (const auto* code : {"/.releases/*/envs/", "/.releases/*/[0-9]*/", "/.releases/*/repo.git/"})
      rules.push_back(data_only ? fmt::format("--filter=- {}", code) : fmt::format("--filter=+ {}**", code));
    for (const auto& site : pair.sites)
      for (const auto& folder : site.folders)
        if (!folder.replicate) rules.push_back(leave_out("/.releases/" + site.domain + "/shared/" + folder.name + "/"));
  }
  leave_out_inboxes(rules, pair, root);
  for (const auto& pattern : pair.files.exclude)
    rules.push_back(leave_out(pattern));
  return rules;
}

std::vector<std::string> client_arguments(const RsyncJob& job, const std::vector<std::string>& rules,
                                          const std::string& transport) {
  // --modify-window=-1 compares nanoseconds: with whole seconds, a file that is written twice within one can stay wrong
  // for ever. --delete-delay: what is new is there before what is old goes.
  std::vector<std::string> arguments{"rsync",
                                     "-aHAXS",
                                     "--numeric-ids",
                                     "--delete-delay",
                                     "--modify-window=-1",
                                     "--stats",
                                     "--no-human-readable",
                                     "--out-format=%i %l %n"};
  if (job.rehearsal) arguments.emplace_back("--dry-run");
  if (auto limit = target_option(job)) arguments.push_back(*limit);
  arguments.insert(arguments.end(), rules.begin(), rules.end());
  arguments.push_back("--rsh=" + transport);
  arguments.push_back(job.root + "/");
  arguments.push_back("peer:" + job.root + "/");
  return arguments;
}

std::vector<std::string> server_arguments(const RsyncJob& job) {
  // What the client's own options above come to; the letters behind "e." are what it can do (rsync 3.2 and later). A
  // test compares the two lists by running rsync.
  std::vector<std::string> arguments{
      "rsync", "--server", job.rehearsal ? "-nlHogDtpAXrSe.iLsfxCIvu" : "-lHogDtpAXrSe.iLsfxCIvu", "--log-format=%i"};
  if (!job.keep_in.empty() && !job.rehearsal) {
    arguments.emplace_back("--backup");
    arguments.push_back("--backup-dir=" + job.keep_in);
  }
  if (auto limit = target_option(job)) arguments.push_back(*limit);
  for (const auto* option : {"--delete-delay", "--stats", "-@-1", "--numeric-ids", "."})
    arguments.emplace_back(option);
  arguments.push_back(job.root + "/");
  return arguments;
}

std::optional<FileChange> parse_change(std::string_view line) {
  const bool deleted = line.starts_with("*deleting   ");
  if (!deleted && (line.size() < 13 || line[11] != ' ' || std::string_view("<>ch.").find(line[0]) == line.npos ||
                   std::string_view("fdLDS").find(line[1]) == line.npos))
    return std::nullopt;
  const auto rest = line.substr(12);
  const auto blank = rest.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  const auto size = to_number(rest.substr(0, blank));
  if (!size || *size < 0) return std::nullopt;
  const auto kind = deleted ? ChangeKind::deleted : line[0] == '<' ? ChangeKind::sent : ChangeKind::changed;
  return FileChange{.kind = kind,
                    .size = static_cast<std::uint64_t>(*size),
                    .path = std::string(rest.substr(blank + 1)),
                    .made = !deleted && line.substr(2, 9) == "+++++++++"};
}

Result<RsyncStats> parse_stats(std::string_view output) {
  RsyncStats stats;
  std::set<std::string> seen;
  const std::map<std::string, std::uint64_t*> fields{{"Number of files", &stats.files},
                                                     {"Number of created files", &stats.created},
                                                     {"Number of deleted files", &stats.deleted},
                                                     {"Number of regular files transferred", &stats.transferred},
                                                     {"Literal data", &stats.bytes}};
  for (const auto& line : lines_of(output)) {
    const auto colon = line.find(": ");
    const auto field = fields.find(line.substr(0, colon));
    if (colon == std::string::npos || field == fields.end()) continue;
    const auto number = to_number(split(std::string_view(line).substr(colon + 2), ' ')[0]);
    if (!number || *number < 0) return failed("rsync's own count is none: " + line);
    *field->second = static_cast<std::uint64_t>(*number);
    seen.insert(field->first);
  }
  if (seen.size() != fields.size()) return failed("rsync did not count what it did");
  if (stats.created > stats.files) return failed("rsync's own counts contradict each other");
  return stats;
}

bool is_code(const std::string& root, std::string_view path) {
  if (root != www || !path.starts_with(releases)) return false;
  const auto below_site = path.find('/', releases.size());
  if (below_site == std::string_view::npos) return false;
  const auto rest = path.substr(below_site + 1);
  return rest.starts_with("envs/") || (!rest.empty() && is_digit(rest[0]));
}

Result<void> check_deletions(const std::string& root, const RsyncStats& rehearsed, const Deletions& deletions,
                             double deletion_guard) {
  const auto there = rehearsed.at_target();
  const auto part_of = [&](std::uint64_t files) { return deletion_guard * static_cast<double>(files); };
  const auto gone = deletions.wanted + deletions.earlier;
  const auto together = gone - std::min(gone, deletions.made);
  const bool too_many = static_cast<double>(deletions.wanted) > part_of(there);
  const bool too_many_an_hour = deletions.earlier > 0 && together > few_deletions &&
                                static_cast<double>(together) > part_of(there + deletions.earlier);
  if (deletions.wanted == 0) return {};
  if (!too_many && !too_many_an_hour && !deletions.source_empty && !deletions.stopped) return {};
  return fail(ErrorKind::refused,
              fmt::format("{} of {} files in {} on the standby would vanish, because they are not here{}{}{}",
                          deletions.wanted, there, root, deletions.source_empty ? " (it is empty here)" : "",
                          deletions.earlier > 0
                              ? fmt::format("; {} have vanished within the hour before", deletions.earlier)
                              : "",
                          deletions.stopped ? ", and [files] deletion_guard has stopped it there" : ""),
              "Nothing was changed. If they were really deleted: tandem files reconcile --allow-deletions");
}

std::uint64_t most_deletions(const RsyncStats& rehearsed, const Deletions& deletions, double deletion_guard) {
  if (deletions.stopped) return rehearsed.deleted;
  const auto part = deletion_guard * static_cast<double>(rehearsed.at_target() + deletions.earlier);
  const auto most = std::max(few_deletions, static_cast<std::uint64_t>(part));
  return std::max(rehearsed.deleted, most - std::min(most, deletions.earlier));
}

} // namespace tandem::replication
