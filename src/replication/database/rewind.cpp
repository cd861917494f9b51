#include "replication/database/rewind.hpp"

#include "base/text.hpp"

namespace tandem::replication {

namespace {

constexpr auto rewind_limit = std::chrono::hours(6);
constexpr auto keep_limit = std::chrono::hours(1);

std::string segment_name(std::uint32_t timeline, WalPosition position, std::uint64_t segment_size) {
  const auto number = position / segment_size;
  const auto in_a_file = (std::uint64_t{1} << 32U) / segment_size;
  return fmt::format("{:08X}{:08X}{:08X}", timeline, number / in_a_file, number % in_a_file);
}

// Copied, since a rewind writes over the segments that both servers have.
Result<void> keep_diverged(const DatabaseTools& tools, const ControlData& control, WalPosition fork,
                           const Progress& progress) {
  const auto kept = fmt::format("{}.diverged-{:08X}-{}", tools.layout.data, control.timeline,
                                replace_all(to_wal_text(fork), "/", "-"));
  TANDEM_TRY(const auto there, tools.files.status(kept));
  if (there) return {};
  TANDEM_TRY(const auto names, tools.files.list(tools.layout.data + "/pg_wal"));
  const auto segments = segments_from(names, control.timeline, fork, control.segment_size);
  if (segments.empty()) return {};
  progress(fmt::format("keeping the WAL that {} wrote alone, from {} on, in {}", tools.self, to_wal_text(fork), kept));
  const auto partial = kept + std::string(unfinished_copy);
  TANDEM_CHECK(tools.files.remove_tree(partial));
  system::Command copy{.arguments = {"install", "-d", "-m", "0700", partial}, .user = "postgres"};
  TANDEM_CHECK(run_checked(tools.processes, copy));
  copy = {.arguments = {"cp", "--archive"}, .user = "postgres", .time_limit = keep_limit};
  for (const auto& segment : segments)
    copy.arguments.push_back(tools.layout.data + "/pg_wal/" + segment);
  copy.arguments.push_back(partial);
  TANDEM_CHECK(run_checked(tools.processes, copy));
  TANDEM_CHECK(
      run_checked(tools.processes, {.arguments = {"sync", "--file-system", partial}, .time_limit = keep_limit}));
  return tools.files.rename(partial, kept);
}

} // namespace

Result<void> check_whole(const DatabaseTools& tools) {
  TANDEM_TRY(const auto rewinding, tools.files.status(rewinding_mark(tools)));
  if (!rewinding) return {};
  return fail(ErrorKind::refused,
              fmt::format("the database on {} is half rewound and has to be copied anew from a primary, so it cannot "
                          "be one itself",
                          tools.self),
              "What it had before lies beside " + tools.layout.data + ": tandem events");
}

std::vector<std::string> segments_from(const std::vector<std::string>& names, std::uint32_t timeline,
                                       WalPosition position, std::uint64_t segment_size) {
  const auto first = segment_name(timeline, position, segment_size);
  std::vector<std::string> segments;
  for (const auto& name : names) // of one timeline, they sort by position
    if (name.size() == first.size() && name.starts_with(first.substr(0, 8)) && name >= first) segments.push_back(name);
  return segments;
}

std::vector<std::string> rewind_arguments(const system::PostgresLayout& layout, const Upstream& upstream) {
  return {layout.binaries + "/pg_rewind", "--target-pgdata=" + layout.data,
          "--source-server=" + system::replication_connection(upstream.address, "tandem-rewind") + " dbname=postgres",
          // Debian keeps it outside the data directory, where the recovery before the rewind would not find it.
          "--config-file=" + layout.config + "/postgresql.conf"};
}

Result<void> forget_dead_postmaster(const DatabaseTools& tools) {
  const auto path = tools.layout.data + "/postmaster.pid";
  const auto text = tools.files.read(path);
  if (!text || text->empty()) return {};
  // A single-user PostgreSQL writes its number with a minus (src/backend/utils/init/miscinit.c).
  const auto number = to_number(lines_of(*text).front());
  if (!number || *number == 0) return {};
  const auto process = fmt::format("/proc/{}", std::abs(*number));
  TANDEM_TRY(const auto there, tools.files.status(process));
  if (there) {
    TANDEM_TRY(const auto name, tools.files.read(process + "/comm"));
    if (trim(name) == "postgres") return {};
  }
  return tools.files.remove(path);
}

Result<void> rewind(const DatabaseTools& tools, const Upstream& upstream, const ControlData& control,
                    const AskPast& ask, const Progress& progress) {
  TANDEM_TRY(const auto past, ask(true));
  const auto fork = end_of_timeline(past.history.value_or(""), control.timeline);
  if (!fork || control.segment_size == 0)
    return fail(ErrorKind::refused,
                fmt::format("{} did not begin where timeline {} ends", upstream.name, control.timeline));
  TANDEM_CHECK(reached(tools, "keep"));
  TANDEM_CHECK(keep_diverged(tools, control, *fork, progress));
  TANDEM_CHECK(reached(tools, "rewind"));
  progress(fmt::format("going back to {}, where {} took over", to_wal_text(*fork), upstream.name));
  TANDEM_CHECK(forget_dead_postmaster(tools));
  TANDEM_CHECK(tools.files.write(rewinding_mark(tools), "", 0600, {}));
  bool begun = false; // until it says so it reads, and asks the primary (src/bin/pg_rewind/pg_rewind.c)
  const auto hear = [&](std::string_view line) {
    begun = begun || line.find("rewinding from last common checkpoint") != std::string_view::npos;
  };
  auto done = run_checked(
      tools.processes,
      {.arguments = rewind_arguments(tools.layout, upstream), .user = "postgres", .time_limit = rewind_limit}, hear);
  if (!done && !begun) TANDEM_CHECK(tools.files.remove_tree(rewinding_mark(tools)));
  if (!done) return std::unexpected(std::move(done).error());
  return {};
}

} // namespace tandem::replication
