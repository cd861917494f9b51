// Each step looks at what is there and does only what is missing; see the header for the folders.
#include "replication/database/first_copy.hpp"

#include "replication/database/base_backup.hpp"

#include <fmt/chrono.h>

namespace tandem::replication {

namespace {

constexpr auto copy_limit = std::chrono::hours(48);
constexpr auto identify_limit = std::chrono::seconds(10);
constexpr Limit follow_limit{10'000};
constexpr Limit slot_limit{90'000};
constexpr Limit slot_step{2'000};
constexpr Limit stream_limit{120'000};

// After a power cut here, the primary takes up to a minute (wal_sender_timeout) to see that the old connection is dead;
// until then nobody else gets the slot. That passes by itself.
bool slot_is_taken(const Error& error) {
  return error.message.find("is active for PID") != std::string::npos;
}

struct Folders {
  std::string data, copy, ready, pristine, rewinding;
};

class Copying {
public:
  Copying(const DatabaseTools& tools, const Upstream& upstream, const Progress& progress, const AskPast& ask,
          Copies copies)
      : tools_(tools), upstream_(upstream), progress_(progress), ask_(ask), copies_(copies),
        folders_{.data = tools.layout.data,
                 .copy = tools.layout.data + ".tandem-copy",
                 .ready = tools.layout.data + ".tandem-ready",
                 .pristine = tools.layout.data + ".tandem-pristine",
                 .rewinding = rewinding_mark(tools)} {}

  Result<FirstCopy> run() {
    TANDEM_CHECK(tools_.files.remove_tree(folders_.pristine));
    TANDEM_TRY(const auto need, look());
    if (need == Need::nothing) return FirstCopy{};
    TANDEM_TRY(const bool ready, ready_copy());
    if (!ready) {
      TANDEM_TRY(const bool rewound, need == Need::rewind ? try_to_rewind() : Result<bool>(false));
      if (rewound) return FirstCopy{.rewound = true};
      TANDEM_CHECK(still_wanted());
      TANDEM_CHECK(copy());
    }
    TANDEM_CHECK(still_wanted());
    TANDEM_CHECK(reached(tools_, "room"));
    TANDEM_CHECK(make_room());
    TANDEM_CHECK(reached(tools_, "place"));
    TANDEM_CHECK(tools_.files.remove_tree(folders_.rewinding));
    TANDEM_CHECK(tools_.files.rename(folders_.ready, folders_.data));
    TANDEM_CHECK(reached(tools_, "clean"));
    TANDEM_CHECK(tools_.files.remove_tree(folders_.pristine));
    TANDEM_CHECK(follow(tools_, upstream_, primary_.timeline, stream_limit, progress_));
    return FirstCopy{.copied = true};
  }

private:
  enum class Need { nothing, rewind, copy };

  // Before anything that takes long or stops what runs: somebody may need the database for something else by now.
  Result<void> still_wanted() {
    if (tools_.pause(Limit::zero())) return {};
    return fail(ErrorKind::unavailable, "it was ended before it came to " + upstream_.name + "'s database");
  }

  Result<Identity> ask_identity() {
    auto said = run_checked(
        tools_.processes,
        {.arguments = identify_arguments(tools_.layout, upstream_), .user = "postgres", .time_limit = identify_limit});
    if (!said)
      return fail(ErrorKind::unavailable,
                  "PostgreSQL on " + upstream_.name + " does not answer as a primary: " + said.error().message);
    return parse_identity(said->output);
  }

  // A whole copy that an earlier call left; one that cannot follow is thrown away.
  Result<bool> ready_copy() {
    TANDEM_TRY(const auto there, tools_.files.status(folders_.ready));
    if (!there) return false;
    if (const auto control = read_control(tools_, folders_.ready);
        control && control->system_identifier == primary_.system_identifier) {
      TANDEM_TRY(const auto past, ask_(false));
      const OwnWal own{control->timeline, control->checkpoint, control->segment_size};
      if (way_back(own, primary_.timeline, past) == WayBack::wait) {
        progress_("a whole copy of " + upstream_.name + "'s database is here already");
        return true;
      }
    }
    TANDEM_CHECK(tools_.files.remove_tree(folders_.ready));
    return false;
  }

  Result<Need> look() {
    TANDEM_TRY(const auto standing, database_standing(tools_)); // before the primary's position is asked for
    TANDEM_TRY(primary_, ask_identity());
    if (standing.state == DatabaseState::absent || standing.system_identifier != primary_.system_identifier)
      return Need::copy;
    if (standing.state == DatabaseState::primary)
      return fail(ErrorKind::refused,
                  fmt::format("PostgreSQL on {} runs as a primary of the same database as {}'s; it may have writes "
                              "that {} lacks",
                              tools_.self, upstream_.name, upstream_.name),
                  fmt::format("When they are not needed there: systemctl stop {} on {}, then the same again. Its data "
                              "directory is kept.",
                              tools_.layout.unit, tools_.self));
    TANDEM_TRY(const auto broken, tools_.files.status(folders_.rewinding));
    if (broken) {
      progress_("a rewind of the database was cut off, so it is copied anew");
      TANDEM_CHECK(tools_.services.stop(tools_.layout.unit)); // somebody started it: it holds the copy's slot
      return Need::copy;
    }
    TANDEM_TRY(const bool alien, is_alien(standing));
    if (alien) return Need::copy;
    const auto followed = try_to_follow();
    if (!followed) return need_of(followed.error());
    // The checkpoint of one that did not run does not say how far it was.
    TANDEM_TRY(const auto now, database_standing(tools_));
    TANDEM_TRY(primary_, ask_identity());
    TANDEM_TRY(const bool alien_after_all, is_alien(now));
    if (alien_after_all) return Need::copy;
    TANDEM_CHECK(tools_.files.remove_tree(folders_.ready));
    progress_("the database follows " + upstream_.name + " already");
    return Need::nothing;
  }

  // A primary streams by position and number of timeline: it does not see that the WAL here is another, and has it
  // written over. `standing` was looked at before the primary was asked.
  Result<bool> is_alien(const DatabaseStanding& standing) {
    if (standing.state == DatabaseState::starting) return false;
    TANDEM_TRY(const auto own, own_wal(standing));
    TANDEM_TRY(const auto past, own.timeline > 1 ? ask_(false) : Result<UpstreamPast>(UpstreamPast{}));
    const bool other_history = namesakes(own, primary_.timeline, past);
    if (!other_history && (own.timeline != primary_.timeline || own.position <= primary_.position)) return false;
    progress_(
        fmt::format("the database that is here has WAL up to {} on timeline {} that {} has not ({}), so it is copied "
                    "anew",
                    to_wal_text(own.position), own.timeline, upstream_.name,
                    other_history ? "its timeline of that number is another" : to_wal_text(primary_.position)));
    return true;
  }

  // It is this primary's, and does not follow.
  Result<Need> need_of(const Error& why) {
    TANDEM_CHECK(still_wanted());
    TANDEM_TRY(const auto way, way_of(why));
    if (way == WayBack::wait) return std::unexpected(why);
    progress_(fmt::format("the database that is here cannot follow {}{}: {}", upstream_.name,
                          way == WayBack::rewind ? "" : ", so it is copied anew", why.message));
    return way == WayBack::rewind ? Need::rewind : Need::copy;
  }

  Result<WayBack> way_of(const Error& why) {
    TANDEM_TRY(const auto standing, database_standing(tools_));
    const auto otherwise = copies_ == Copies::also_when_late ? WayBack::copy : WayBack::wait;
    if (standing.state == DatabaseState::starting) return otherwise;
    if (standing.state != DatabaseState::standby) return way_of_one_that_stands(why);
    TANDEM_TRY(const auto past, ask_(false));
    TANDEM_TRY(const auto own, own_wal(standing));
    const auto way = way_back(own, primary_.timeline, past);
    return way == WayBack::wait ? otherwise : way;
  }

  Result<OwnWal> own_wal(const DatabaseStanding& standing) {
    const auto wal = folders_.data + "/pg_wal";
    TANDEM_TRY(const auto control, read_control(tools_, folders_.data));
    TANDEM_TRY(const auto names, tools_.files.list(wal));
    OwnWal own{.timeline = standing.timeline, .position = standing.position, .segment_size = control.segment_size};
    own.timeline = std::max(own.timeline, timeline_at(names, own.position, own.segment_size));
    own.history = tools_.files.read(fmt::format("{}/{:08X}.history", wal, own.timeline)).value_or("");
    return own;
  }

  // It was a primary and broke off, or PostgreSQL does not start with it.
  Result<WayBack> way_of_one_that_stands(const Error& why) {
    TANDEM_TRY(const auto signal, tools_.files.status(folders_.data + "/standby.signal"));
    if (!signal) return WayBack::rewind;
    if (copies_ == Copies::also_when_late) return WayBack::copy;
    return fail(
        ErrorKind::failed, fmt::format("PostgreSQL on {} does not start as a standby: {}", tools_.self, why.message),
        fmt::format("journalctl -u {} on {} tells why. It is tried again; where its data is what keeps it down, "
                    "tandem database copy --server {} copies it anew.",
                    tools_.layout.unit, tools_.self, tools_.self));
  }

  // Where it has written what the primary has not, in a timeline that the primary has left. false: it has to be copied.
  Result<bool> try_to_rewind() {
    auto done = rewind_here();
    if (done) return true;
    if (done.error().kind == ErrorKind::unavailable) return std::unexpected(std::move(done).error());
    TANDEM_CHECK(still_wanted());
    progress_("the database cannot be rewound, so it is copied anew: " + done.error().message);
    return false;
  }

  Result<void> rewind_here() {
    TANDEM_CHECK(reached(tools_, "stop"));
    TANDEM_CHECK(tools_.services.stop(tools_.layout.unit));
    TANDEM_TRY(const auto control, read_control(tools_, folders_.data));
    TANDEM_TRY(const auto status, tools_.files.status(folders_.data));
    if (!status) return failed("there is no " + folders_.data);
    TANDEM_CHECK(rewind(tools_, upstream_, control, ask_, progress_));
    TANDEM_CHECK(reached(tools_, "rewound"));
    TANDEM_CHECK(tools_.files.write(folders_.data + "/standby.signal", "", 0600, {status->uid, status->gid}));
    TANDEM_CHECK(tools_.files.remove_tree(folders_.rewinding)); // it is whole: pg_rewind has written all to the disk
    TANDEM_CHECK(reached(tools_, "follow"));
    return follow(tools_, upstream_, primary_.timeline, stream_limit, progress_);
  }

  Result<void> try_to_follow() {
    TANDEM_CHECK(start_standby(tools_, upstream_, progress_));
    const auto end = tools_.clock.boot_time() + slot_limit;
    for (;;) {
      auto streams = wait_streaming(tools_, primary_.timeline, follow_limit);
      if (streams || !slot_is_taken(streams.error()) || tools_.clock.boot_time() >= end) return streams;
    }
  }

  Result<void> copy() {
    TANDEM_CHECK(reached(tools_, "copy"));
    progress_("copying the database from " + upstream_.name);
    const auto end = tools_.clock.boot_time() + slot_limit;
    for (;;) {
      auto copied = copy_once();
      if (copied) break;
      if (!slot_is_taken(copied.error()) || tools_.clock.boot_time() >= end)
        return std::unexpected(std::move(copied).error().within("copying from " + upstream_.name));
      TANDEM_CHECK(let_go_of_the_slot());
      if (!tools_.pause(slot_step)) return failed("it was ended while it waited for " + upstream_.name);
    }
    TANDEM_TRY(const auto status, tools_.files.status(folders_.copy));
    if (!status) return failed("pg_basebackup made no " + folders_.copy);
    // From its first start on it is a standby: started without this, it would be a second primary.
    TANDEM_CHECK(tools_.files.write(folders_.copy + "/standby.signal", "", 0600, {status->uid, status->gid}));
    return tools_.files.rename(folders_.copy, folders_.ready);
  }

  // By a standby of this primary's that runs here and is going to be replaced.
  Result<void> let_go_of_the_slot() {
    TANDEM_TRY(const auto standing, database_standing(tools_));
    const bool running = standing.state == DatabaseState::standby || standing.state == DatabaseState::starting;
    if (!running || standing.system_identifier != primary_.system_identifier) return {};
    progress_("stopping the PostgreSQL that runs here, since it has the slot that the copy needs");
    return tools_.services.stop(tools_.layout.unit);
  }

  Result<void> copy_once() {
    TANDEM_CHECK(tools_.files.remove_tree(folders_.copy));
    int told = -1;
    const auto tell = [&](std::string_view line) {
      const auto progress = parse_copy_progress(line);
      if (!progress || progress->percent == told) return;
      told = progress->percent;
      progress_(fmt::format("copied {} of {} MB ({} %)", progress->done_kb / 1024, progress->total_kb / 1024, told));
    };
    const system::Command command{.arguments =
                                      base_backup_arguments(tools_.layout, tools_.self, upstream_, folders_.copy),
                                  .user = "postgres",
                                  .time_limit = copy_limit};
    TANDEM_CHECK(run_checked(tools_.processes, command, tell));
    return {};
  }

  // Stops what runs and moves it away.
  Result<void> make_room() {
    TANDEM_TRY(const auto there, tools_.files.status(folders_.data));
    if (!there) return {};
    TANDEM_TRY(const bool worthless, pristine());
    TANDEM_TRY(const auto unit, tools_.services.status(tools_.layout.unit));
    if (unit.active != "inactive" && unit.active != "failed") {
      progress_("stopping the PostgreSQL that runs here");
      TANDEM_CHECK(tools_.services.stop(tools_.layout.unit));
    }
    if (worthless) return tools_.files.rename(folders_.data, folders_.pristine);
    const auto kept = fmt::format("{}.before-{:%Y%m%dT%H%M%SZ}", folders_.data,
                                  fmt::gmtime(std::chrono::system_clock::to_time_t(tools_.clock.wall_time())));
    progress_("keeping the old data directory as " + kept);
    return tools_.files.rename(folders_.data, kept);
  }

  // Nobody has made anything in it since Debian made it. Whether it ran or not, in doubt it is kept.
  Result<bool> pristine() {
    if (const auto control = read_control(tools_, folders_.data); control && control->untouched()) return true;
    const auto rows = tools_.databases.query(
        "postgres",
        "select (select count(*) from pg_database where datname not in ('postgres', 'template0', 'template1')) + "
        "(select count(*) from pg_roles where oid >= 16384) + "
        "(select count(*) from pg_class where oid >= 16384) + (select count(*) from pg_proc where oid >= 16384) + "
        "pg_is_in_recovery()::int");
    return rows && rows->size() == 1 && rows->front().size() == 1 && rows->front()[0] == "0";
  }

  const DatabaseTools& tools_;
  const Upstream& upstream_;
  const Progress& progress_;
  const AskPast& ask_;
  const Copies copies_;
  const Folders folders_;
  Identity primary_;
};

} // namespace

namespace {

// Whether the name begins so; # stands for a hexadecimal digit. A folder that somebody else made is not ours to tell.
bool has_shape(std::string_view name, std::string_view shape) {
  if (name.size() < shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == '#' ? std::isxdigit(static_cast<unsigned char>(name[i])) == 0 : name[i] != shape[i]) return false;
  return true;
}

} // namespace

Result<std::vector<KeptData>> kept_data(system::Files& files, const system::PostgresLayout& layout) {
  const auto slash = layout.data.rfind('/');
  const auto folder = layout.data.substr(0, slash);
  const auto cluster = layout.data.substr(slash + 1);
  const auto names = files.list(folder);
  if (!names && names.error().kind == ErrorKind::not_found) return std::vector<KeptData>{}; // no PostgreSQL yet
  if (!names) return std::unexpected(names.error());
  std::vector<KeptData> kept;
  for (const auto& name : *names) {
    const bool wal = has_shape(name, cluster + ".diverged-########-") && !name.ends_with(unfinished_copy);
    const bool whole = has_shape(name, cluster + ".before-########T######Z") && name.ends_with('Z');
    if (wal || whole) kept.push_back({folder + "/" + name, wal});
  }
  return kept;
}

Result<FirstCopy> first_copy(const DatabaseTools& tools, const Upstream& upstream, const Progress& progress,
                             const AskPast& ask, Copies copies) {
  return Copying(tools, upstream, progress, ask, copies).run();
}

} // namespace tandem::replication
