// Dumps of a site's database, and what its copies are called. Pure.
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::sites {

// Dumps are kept so long; the newest of a site always.
inline constexpr std::chrono::hours dumps_kept_for{24 * 7};
// What no dump, copy or restore may take of a disk: PostgreSQL needs it to go on.
inline constexpr std::uint64_t spare_room = std::uint64_t{256} << 20U;
// A database that is still being filled. One at a time; one that nobody fills is dropped.
inline constexpr auto* unfinished_database = "tandem_unfinished";

// Made before the deploy steps of a release ran: the database as the release before it left it.
struct Dump {
  std::string id;         // the UTC time of its beginning, "20261127011500"; one of a site's dumps has it
  std::string release;    // the id of the release whose steps came after it
  std::uint64_t size = 0; // bytes
  bool operator==(const Dump&) const = default;
};

// "20261127011500-before-20261127011458-85e57f8.dump"
[[nodiscard]] std::string dump_file(const Dump& dump);
// A name that is none, one of a dump that was cut off among them, is nullopt. The size is not in it.
[[nodiscard]] std::optional<Dump> dump_of_file(std::string_view name);
// The name under which a dump is written before it is whole; nothing takes it for one.
[[nodiscard]] std::string unfinished_file(const std::string& name);
[[nodiscard]] bool is_unfinished_file(std::string_view name);

[[nodiscard]] std::string dump_id(std::chrono::system_clock::time_point moment);
// nullopt when it is no moment.
[[nodiscard]] std::optional<std::chrono::sys_seconds> dump_moment(std::string_view id);

// Those that are older than dumps_kept_for, but for the newest.
[[nodiscard]] std::vector<Dump> dumps_to_remove(const std::vector<Dump>& all,
                                                std::chrono::system_clock::time_point now);

// "20261127011500" or the whole name of its file; not_found names those that are there.
[[nodiscard]] Result<Dump> choose_dump(const std::vector<Dump>& all, std::string_view wanted);

// Bytes that a dump will take at the most: the database's size, or twice the newest dump where that is less, since what
// a database holds compresses alike from one day to the next.
[[nodiscard]] std::uint64_t dump_room(std::uint64_t database, const std::optional<std::uint64_t>& newest_dump);
// Bytes that a filled database and its WAL will take; WAL goes again once the standbys have it.
[[nodiscard]] std::uint64_t database_room(std::uint64_t database);
// refused when less than that and the spare room is free; says both. `what`: "the dump of shop", `where`: a folder.
[[nodiscard]] Result<void> check_room(const std::string& what, const std::string& where, std::uint64_t needed,
                                      std::uint64_t free);

// What the database before a restore is called: at most 63 characters, told from others by its time.
[[nodiscard]] std::string former_name(const std::string& database, const std::string& id);
// invalid when PostgreSQL, or tandem, would take that name for something else.
[[nodiscard]] Result<void> check_copy_name(const std::string& name);

// "1.4 GB"
[[nodiscard]] std::string size_text(std::uint64_t bytes);
// "3 h 5 min"
[[nodiscard]] std::string age_text(std::chrono::seconds age);

} // namespace tandem::sites
