// Tables of cron, and what their times and commands are as jobs of a site. Pure; any text may come.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::adopt {

struct CronLine {
  std::string when; // five fields, or "@daily"
  std::string user; // "" in a user's own table
  std::string command;
  std::size_t line = 0; // counted from 1
};

struct Crontab {
  std::vector<CronLine> lines;
  std::string mail_to;                // of the last MAILTO=
  std::vector<std::size_t> strangers; // lines that cron would not take either
};

// `with_user`: a table of /etc, whose lines name a user after the time.
[[nodiscard]] Crontab parse_crontab(std::string_view text, bool with_user);

// As a calendar time of systemd; nullopt where systemd has none (@reboot; a day of the month or of the week, whichever
// comes first).
[[nodiscard]] std::optional<std::string> calendar_of(std::string_view when);

// The command as a job of the site in that folder ("/www/shop.test") runs it, in its release and with its virtualenv,
// on the primary alone and never twice: so a check of the marker and a lock go. nullopt: it needs a shell, or does
// not work in that folder.
[[nodiscard]] std::optional<std::string> job_command(std::string_view command, const std::string& folder);

} // namespace tandem::adopt
