#include "adopt/crontab.hpp"

#include "base/text.hpp"

#include <array>

namespace tandem::adopt {

namespace {

constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{"jan", "feb", "mar", "apr", "may", "jun",
                                                  "jul", "aug", "sep", "oct", "nov", "dec"};

struct Nickname {
  std::string_view name;
  std::string_view fields;
};

constexpr std::array<Nickname, 7> nicknames{{{"@hourly", "0 * * * *"},
                                             {"@daily", "0 0 * * *"},
                                             {"@midnight", "0 0 * * *"},
                                             {"@weekly", "0 0 * * 0"},
                                             {"@monthly", "0 0 1 * *"},
                                             {"@yearly", "0 0 1 1 *"},
                                             {"@annually", "0 0 1 1 *"}}};

std::string_view take_cron_word(std::string_view& text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return text = {};
  text.remove_prefix(begin);
  const auto word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& letter : result)
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return result;
}

struct Field {
  int first;
  int last;
  bool is_month = false;
  bool is_weekday = false;

  [[nodiscard]] std::optional<int> number(std::string_view text) const {
    const auto name = lower(text);
    for (std::size_t i = 0; is_month && i < months.size(); ++i)
      if (name == months[i]) return static_cast<int>(i) + 1;
    for (std::size_t i = 0; is_weekday && i < weekdays.size(); ++i)
      if (name == lower(weekdays[i])) return static_cast<int>(i);
    const auto value = to_number(text);
    if (!value || *value < first || *value > last) return std::nullopt;
    return static_cast<int>(*value);
  }

  // All values that the field stands for; nullopt: it is no such field.
  [[nodiscard]] std::optional<std::vector<bool>> values(std::string_view text) const {
    std::vector<bool> chosen(static_cast<std::size_t>(last) + 1, false);
    for (const auto& part : split(text, ',')) {
      const auto slash = part.find('/');
      const auto range = part.substr(0, slash);
      const auto step = slash == std::string::npos ? std::optional<std::int64_t>(1) : to_number(part.substr(slash + 1));
      const auto dash = range.find('-');
      auto from = range == "*" ? std::optional(first) : number(range.substr(0, dash));
      auto to = range == "*" ? std::optional(last) : dash == std::string::npos ? from : number(range.substr(dash + 1));
      if (slash != std::string::npos && range != "*" && dash == std::string::npos) to = last;
      if (!from || !to || !step || *step < 1 || *step > last || *from > *to) return std::nullopt;
      for (int value = *from; value <= *to; value += static_cast<int>(*step))
        chosen[static_cast<std::size_t>(value)] = true;
    }
    return chosen;
  }
};

bool all_from(const std::vector<bool>& chosen, int first) {
  for (auto i = static_cast<std::size_t>(first); i < chosen.size(); ++i)
    if (!chosen[i]) return false;
  return true;
}

// "*" or the values, such as "00,15,30,45".
std::string listed(const std::vector<bool>& chosen, int first) {
  if (all_from(chosen, first)) return "*";
  std::string text;
  for (std::size_t i = 0; i < chosen.size(); ++i)
    if (chosen[i]) text += fmt::format("{}{:02}", text.empty() ? "" : ",", i);
  return text;
}

std::string weekdays_listed(std::vector<bool> chosen) {
  if (chosen[7]) chosen[0] = true; // cron knows Sunday twice
  std::string text;
  for (const std::size_t day : {1U, 2U, 3U, 4U, 5U, 6U, 0U})
    if (chosen[day]) text += (text.empty() ? "" : ",") + std::string(weekdays[day]);
  return text;
}

// Takes `start` off the command, with what connects it to the rest.
bool take_before(std::string_view& command, std::string_view start, std::string_view connection) {
  if (!command.starts_with(start)) return false;
  auto rest = command.substr(start.size());
  if (const auto blanks = rest.find_first_not_of(' '); blanks != std::string_view::npos) rest.remove_prefix(blanks);
  if (!rest.starts_with(connection)) return false;
  command = trim(rest.substr(connection.size()));
  return true;
}

// What a crontab has to say, and a job need not: where it works, that it is the primary's, that it runs once.
std::string_view without_preparations(std::string_view command, const std::string& folder, bool& inside) {
  for (bool took = true; took;) {
    took = false;
    for (const auto* marker :
         {"[ -f /primary_server ]", "[ -e /primary_server ]", "test -f /primary_server", "test -e /primary_server"})
      took = took || take_before(command, marker, "&&");
    for (const auto& place : {"cd " + folder + "/", "cd " + folder})
      if (!took && take_before(command, place, "&&")) took = inside = true;
    for (const auto& place : {std::string("env/"), std::string("./env/"), folder + "/env/"})
      for (const auto* word : {". ", "source "})
        took = took || take_before(command, word + place + "bin/activate", "&&");
    if (!took && command.starts_with("flock ")) {
      auto rest = command.substr(6);
      auto word = take_cron_word(rest);
      while (word == "-n" || word == "-x" || word == "--nonblock")
        word = take_cron_word(rest);
      const bool by_shell = trim(rest).starts_with("-c"); // flock itself hands the rest to one
      if (!word.empty() && word[0] != '-' && !by_shell) {
        command = trim(rest);
        took = true;
      }
    }
  }
  return command;
}

// What it writes goes to the journal.
std::string_view without_redirections(std::string_view command) {
  for (bool took = true; took;) {
    took = false;
    command = trim(command);
    if (command.ends_with("2>&1")) {
      command.remove_suffix(4);
      took = true;
      continue;
    }
    const auto arrow = command.rfind('>');
    if (arrow == std::string_view::npos || arrow == 0) break;
    auto begin = arrow;
    while (begin > 0 && (command[begin - 1] == '>' || command[begin - 1] == '&' || command[begin - 1] == '1' ||
                         command[begin - 1] == '2'))
      --begin;
    const auto target = trim(command.substr(arrow + 1));
    const bool plain = !target.empty() && target.find_first_of(" \t'\"|;&<>`$()") == std::string_view::npos;
    if (!plain || begin == 0 || command[begin - 1] != ' ') break;
    command = command.substr(0, begin);
    took = true;
  }
  return trim(command);
}

} // namespace

Crontab parse_crontab(std::string_view text, bool with_user) {
  Crontab table;
  std::size_t number = 0;
  for (const auto& whole : lines_of(text)) {
    ++number;
    auto line = trim(whole);
    if (line.empty() || line[0] == '#') continue;
    const auto equals = line.find('=');
    const auto name = trim(line.substr(0, equals));
    if (equals != std::string_view::npos && name.find_first_of(" \t*@/") == std::string_view::npos) {
      auto value = trim(line.substr(equals + 1));
      if (value.size() > 1 && value.front() == value.back() && (value[0] == '"' || value[0] == '\''))
        value = value.substr(1, value.size() - 2);
      if (name == "MAILTO") table.mail_to = value;
      continue;
    }
    CronLine entry{.line = number};
    const int fields = line[0] == '@' ? 1 : 5;
    for (int i = 0; i < fields; ++i)
      entry.when += (i == 0 ? "" : " ") + std::string(take_cron_word(line));
    if (with_user) entry.user = take_cron_word(line);
    entry.command = trim(line);
    if (entry.command.empty())
      table.strangers.push_back(number);
    else
      table.lines.push_back(std::move(entry));
  }
  return table;
}

std::optional<std::string> calendar_of(std::string_view when) {
  for (const auto& nickname : nicknames)
    if (when == nickname.name) return calendar_of(nickname.fields);
  const auto fields = split(when, ' ');
  if (fields.size() != 5) return std::nullopt;
  const auto minute = Field{0, 59}.values(fields[0]);
  const auto hour = Field{0, 23}.values(fields[1]);
  const auto day = Field{1, 31}.values(fields[2]);
  const auto month = Field{1, 12, true}.values(fields[3]);
  const auto weekday = Field{0, 7, false, true}.values(fields[4]);
  if (!minute || !hour || !day || !month || !weekday) return std::nullopt;
  const bool any_day = fields[2][0] == '*';
  const bool any_weekday = fields[4][0] == '*';
  if (!any_day && !any_weekday) return std::nullopt;
  if (any_weekday && fields[4] != "*") return std::nullopt; // "*/2": cron and people disagree on what it means
  return fmt::format("{}*-{}-{} {}:{}:00", any_weekday ? std::string() : weekdays_listed(*weekday) + " ",
                     listed(*month, 1), listed(*day, 1), listed(*hour, 0), listed(*minute, 0));
}

std::optional<std::string> job_command(std::string_view command, const std::string& folder) {
  bool inside = false;
  command = without_redirections(without_preparations(trim(command), folder, inside));
  if (command.find_first_of("|;&<>`$*?()~%#\n") != std::string_view::npos) return std::nullopt;
  std::string text(command);
  const auto absolute = text;
  for (const auto& place : {folder + "/env/bin/", std::string("./env/bin/"), std::string("env/bin/")})
    if (text.starts_with(place)) {
      text = text.substr(place.size());
      inside = inside || place[0] == '/';
      break;
    }
  text = replace_all(text, " " + folder + "/", " ");
  if (text.starts_with(folder + "/")) text = "./" + text.substr(folder.size() + 1);
  inside = inside || text != absolute;
  if (!inside || text.empty() || text.contains("/www/")) return std::nullopt;
  return text;
}

} // namespace tandem::adopt
