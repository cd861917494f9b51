#include "sites/dumps.hpp"

#include "base/text.hpp"
#include "sites/layout.hpp"

#include <algorithm>
#include <array>

namespace tandem::sites {

namespace {

constexpr std::string_view before_word = "-before-";
constexpr std::string_view dump_ending = ".dump";
constexpr std::string_view unfinished_ending = ".unfinished";
constexpr std::string_view former_word = "_before_restore_";
constexpr std::size_t id_length = 14;
constexpr std::size_t longest_database_name = 63;

bool is_decimal(char c) {
  return c >= '0' && c <= '9';
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || is_decimal(c) || c == '_';
}

std::string named_dumps(const std::vector<Dump>& all) {
  std::vector<std::string> ids;
  for (const auto& dump : all)
    ids.push_back(dump.id);
  return ids.empty() ? "there is none on this server" : "there are " + join(ids, ", ");
}

} // namespace

std::string dump_file(const Dump& dump) {
  return fmt::format("{}{}{}{}", dump.id, before_word, dump.release, dump_ending);
}

std::optional<Dump> dump_of_file(std::string_view name) {
  if (!name.ends_with(dump_ending)) return std::nullopt;
  name.remove_suffix(dump_ending.size());
  const auto word = name.find(before_word);
  if (word == std::string_view::npos) return std::nullopt;
  Dump dump{.id = std::string(name.substr(0, word)), .release = std::string(name.substr(word + before_word.size()))};
  if (!dump_moment(dump.id) || !is_release_id(dump.release)) return std::nullopt;
  return dump;
}

std::string unfinished_file(const std::string& name) {
  return name + std::string(unfinished_ending);
}

bool is_unfinished_file(std::string_view name) {
  return name.ends_with(unfinished_ending);
}

std::string dump_id(std::chrono::system_clock::time_point moment) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(moment);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(seconds - day);
  return fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

std::optional<std::chrono::sys_seconds> dump_moment(std::string_view id) {
  if (id.size() != id_length || !std::ranges::all_of(id, is_decimal)) return std::nullopt;
  const auto part = [&](std::size_t at, std::size_t length) {
    return static_cast<unsigned>(to_number(id.substr(at, length)).value_or(0));
  };
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(part(0, 4))),
                                         std::chrono::month(part(4, 2)), std::chrono::day(part(6, 2))};
  if (!date.ok() || part(8, 2) > 23 || part(10, 2) > 59 || part(12, 2) > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(part(8, 2)) + std::chrono::minutes(part(10, 2)) +
         std::chrono::seconds(part(12, 2));
}

std::vector<Dump> dumps_to_remove(const std::vector<Dump>& all, std::chrono::system_clock::time_point now) {
  std::vector<Dump> old;
  const auto newest = std::ranges::max_element(all, {}, &Dump::id);
  for (const auto& dump : all) {
    const auto made = dump_moment(dump.id);
    if (made && now - *made > dumps_kept_for && dump.id != newest->id) old.push_back(dump);
  }
  return old;
}

Result<Dump> choose_dump(const std::vector<Dump>& all, std::string_view wanted) {
  const auto found =
      std::ranges::find_if(all, [&](const Dump& dump) { return dump.id == wanted || dump_file(dump) == wanted; });
  if (found != all.end()) return *found;
  return fail(ErrorKind::not_found, fmt::format("there is no dump {}; {}", wanted, named_dumps(all)));
}

std::uint64_t dump_room(std::uint64_t database, const std::optional<std::uint64_t>& newest_dump) {
  return newest_dump ? std::min(database, 2 * *newest_dump) : database;
}

std::uint64_t database_room(std::uint64_t database) {
  return database + database / 4;
}

Result<void> check_room(const std::string& what, const std::string& where, std::uint64_t needed, std::uint64_t free) {
  if (free >= spare_room && free - spare_room >= needed) return {};
  return fail(ErrorKind::refused, fmt::format("{} may take {} in {}, where {} are free and {} have to stay so", what,
                                              size_text(needed), where, size_text(free), size_text(spare_room)));
}

std::string former_name(const std::string& database, const std::string& id) {
  const auto ending = std::string(former_word) + id;
  return database.substr(0, longest_database_name - ending.size()) + ending;
}

Result<void> check_copy_name(const std::string& name) {
  const bool well = !name.empty() && name.size() <= longest_database_name && name[0] >= 'a' && name[0] <= 'z' &&
                    std::ranges::all_of(name, is_word);
  constexpr std::array<std::string_view, 3> taken{"postgres", "template0", "template1"};
  if (!well || std::ranges::find(taken, name) != taken.end())
    return fail(ErrorKind::invalid, fmt::format("\"{}\" cannot be the name of a copy: a lower-case letter, then "
                                                "lower-case letters, digits and _, at most {}",
                                                name, longest_database_name));
  if (name == unfinished_database || name.find(former_word) != std::string::npos)
    return fail(ErrorKind::invalid, name + " is a name that tandem gives to databases of its own");
  return {};
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 4> units{"kB", "MB", "GB", "TB"};
  auto size = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  for (; size >= 1000 && unit + 1 < units.size(); ++unit)
    size /= 1000;
  return fmt::format("{:.{}f} {}", size, size < 10 ? 1 : 0, units.at(unit));
}

std::string age_text(std::chrono::seconds age) {
  const auto minutes = age.count() / 60;
  if (minutes < 1) return fmt::format("{} s", age.count());
  if (minutes < 60) return fmt::format("{} min", minutes);
  if (minutes < 24 * 60) return fmt::format("{} h {} min", minutes / 60, minutes % 60);
  return fmt::format("{} d {} h", minutes / (24 * 60), minutes / 60 % 24);
}

} // namespace tandem::sites
