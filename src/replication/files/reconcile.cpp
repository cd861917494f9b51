#include "replication/files/reconcile.hpp"

#include "base/text.hpp"

namespace tandem::replication {

namespace {

constexpr auto time_limit = std::chrono::hours(48);
constexpr std::uint64_t worth_telling = std::uint64_t{16} << 20U; // less is over before a line is read
constexpr int some_vanished = 24; // files that were deleted here while they were being sent; the next run sees to them
constexpr int deletions_stopped = 25;

// What a rehearsal or a run changed, line by line.
struct Tally {
  std::uint64_t sent = 0;
  std::uint64_t size = 0; // of the files sent, as they lie here
  std::uint64_t changed = 0;
  std::uint64_t deleted = 0;
  std::uint64_t deleted_code = 0;
  std::uint64_t made = 0; // but for code

  void add(const std::string& root, const FileChange& change) {
    if (change.made && !is_code(root, change.path)) ++made;
    if (change.kind == ChangeKind::sent) {
      ++sent;
      size += change.size;
    } else if (change.kind == ChangeKind::changed) {
      ++changed;
    } else {
      ++deleted;
      if (is_code(root, change.path)) ++deleted_code;
    }
  }

  [[nodiscard]] bool nothing() const { return sent + changed + deleted == 0; }
};

class Root {
public:
  Root(const FilesTools& tools, const model::Pair& pair, std::string path, const Progress& progress)
      : tools_(tools), pair_(pair), path_(std::move(path)), progress_(progress) {}

  Result<Reconciled> run(bool allow_deletions) {
    TANDEM_TRY(const bool empty, is_empty());
    Tally wanted;
    TANDEM_TRY(const auto rehearsed, rsync({.root = path_, .rehearsal = true}, wanted, {}));
    if (wanted.nothing()) return Reconciled{.files = rehearsed.at_target()};
    RsyncJob job{.root = path_};
    if (!allow_deletions) {
      const Deletions deletions{.wanted = wanted.deleted - wanted.deleted_code,
                                .made = wanted.made,
                                .earlier = earlier(),
                                .stopped = tools_.removed.stopped,
                                .source_empty = empty};
      TANDEM_CHECK(check_deletions(path_, rehearsed, deletions, pair_.files.deletion_guard));
      job.most_deletions = most_deletions(rehearsed, deletions, pair_.files.deletion_guard);
    }
    progress_(fmt::format("{}: {} files to send ({} MB), {} other changes, {} to delete", path_, wanted.sent,
                          wanted.size >> 20U, wanted.changed, wanted.deleted));
    Tally done;
    TANDEM_TRY(const auto stats, rsync(job, done, wanted));
    return Reconciled{done.sent, done.changed, done.deleted, stats.bytes, rehearsed.at_target()};
  }

  Result<Reconciled> catch_up(std::uint64_t most_deletions) {
    TANDEM_TRY(const bool empty, is_empty());
    if (empty) return run(false);
    Tally done;
    const auto left = tools_.removed.stopped ? 0 : most_deletions - std::min(most_deletions, earlier());
    const RsyncJob job{.root = path_, .most_deletions = left, .data_only = true};
    TANDEM_TRY(const auto stats, rsync(job, done, {}));
    return Reconciled{done.sent, done.changed, done.deleted, stats.bytes, stats.at_target()};
  }

private:
  [[nodiscard]] std::uint64_t earlier() const {
    const auto known = tools_.removed.names.find(path_);
    return known == tools_.removed.names.end() ? 0 : known->second;
  }

  // An empty root is a mount that is missing, as a rule: the guard looks closer.
  Result<bool> is_empty() {
    TANDEM_TRY(const auto status, tools_.files.status(path_));
    if (!status || status->type != system::FileType::folder)
      return fail(ErrorKind::refused, "there is no folder " + path_ + " here, so nothing is taken to the standby",
                  "Mount it or make it, or take it out of [files] replicate.");
    TANDEM_TRY(const auto names, tools_.files.list(path_));
    return names.empty() || names == std::vector<std::string>{"lost+found"};
  }

  Result<RsyncStats> rsync(const RsyncJob& job, Tally& tally, const Tally& wanted) {
    TANDEM_TRY(const auto transport, tools_.transport(job));
    std::string last_lines; // rsync's counts; the changes before them may be more than an Outcome keeps
    const auto take = [&](std::string_view line) {
      if (const auto change = parse_change(line)) {
        tally.add(path_, *change);
        if (tools_.changed && !job.rehearsal) tools_.changed(path_ + "/" + change->path);
        const bool deleted = !job.rehearsal && change->kind == ChangeKind::deleted && !is_code(path_, change->path);
        if (tools_.deleted && deleted) tools_.deleted(path_);
        if (tools_.made && !job.rehearsal && change->made && !is_code(path_, change->path)) tools_.made(path_);
        if (wanted.sent > 0 && change->kind == ChangeKind::sent) tell(tally, wanted);
      } else {
        last_lines.append(line).append("\n");
      }
    };
    const system::Command command{.arguments =
                                      client_arguments(job, filter_rules(pair_, path_, job.data_only), transport),
                                  .time_limit = time_limit};
    TANDEM_TRY(const auto outcome, tools_.processes.run(command, take));
    if (outcome.timed_out || (outcome.status != 0 && outcome.status != some_vanished))
      return complaint(outcome, last_lines);
    return parse_stats(last_lines);
  }

  void tell(const Tally& done, const Tally& wanted) {
    if (wanted.size < worth_telling) return;
    const auto percent = static_cast<int>(100 * done.size / std::max<std::uint64_t>(wanted.size, 1));
    if (percent / 5 == told_ / 5) return;
    told_ = percent;
    progress_(fmt::format("{}: {} of {} files, {} of {} MB ({} %)", path_, done.sent, wanted.sent, done.size >> 20U,
                          wanted.size >> 20U, std::min(percent, 100)));
  }

  std::unexpected<Error> complaint(const system::Outcome& outcome, const std::string& output) const {
    if (outcome.status == deletions_stopped)
      return fail(ErrorKind::refused,
                  "more files vanished from " + path_ + " while it was compared; deleting them on the standby stopped",
                  "Look at " + path_ + "; if they were really deleted: tandem files reconcile --allow-deletions");
    auto said = lines_of(outcome.errors.empty() ? output : outcome.errors);
    if (said.size() > 5) said.erase(said.begin(), said.end() - 5);
    return failed(fmt::format("copying {} to the standby: rsync ended with status {}{}{}", path_, outcome.status,
                              said.empty() ? "" : ": ", join(said, "\n    ")));
  }

  const FilesTools& tools_;
  const model::Pair& pair_;
  const std::string path_;
  const Progress& progress_;
  int told_ = 0;
};

} // namespace

namespace {

Result<Reconciled> for_roots(const model::Pair& pair,
                             const std::function<Result<Reconciled>(const std::string&)>& work) {
  Reconciled total;
  for (const auto& root : pair.files.replicate) {
    TANDEM_TRY(const auto one, work(root));
    total.sent += one.sent;
    total.changed += one.changed;
    total.deleted += one.deleted;
    total.bytes += one.bytes;
    total.files += one.files;
  }
  return total;
}

} // namespace

Result<Reconciled> reconcile(const FilesTools& tools, const model::Pair& pair, bool allow_deletions,
                             const Progress& progress) {
  return for_roots(pair,
                   [&](const std::string& root) { return Root(tools, pair, root, progress).run(allow_deletions); });
}

Result<Reconciled> catch_up(const FilesTools& tools, const model::Pair& pair, std::uint64_t most_deletions,
                            const Progress& progress) {
  return for_roots(pair,
                   [&](const std::string& root) { return Root(tools, pair, root, progress).catch_up(most_deletions); });
}

Result<std::vector<std::string>> accept_job(system::Files& files, const model::Pair& pair, const RsyncJob& job) {
  if (std::ranges::find(pair.files.replicate, job.root) == pair.files.replicate.end())
    return fail(ErrorKind::refused, job.root + " is not replicated by this server's tandem.toml",
                "`tandem apply` gives all servers the same file.");
  TANDEM_TRY(const auto status, files.status(job.root));
  if (!status || status->type != system::FileType::folder)
    return fail(ErrorKind::refused, "there is no folder " + job.root + " on this server",
                "Mount it, or let `tandem apply` make it.");
  return server_arguments(job);
}

} // namespace tandem::replication
