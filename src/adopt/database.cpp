#include "adopt/draft.hpp"
#include "base/text.hpp"
#include "config/reserved.hpp"
#include "config/syntax.hpp"

#include <array>

namespace tandem::adopt {

namespace {

struct Usual {
  std::string_view name;
  std::string_view value; // "": whatever it is
};

// What Debian's packages and initdb write: it stays in postgresql.conf, which tandem leaves alone.
constexpr std::array<Usual, 19> usual_settings{{{"max_connections", "100"},
                                                {"shared_buffers", "128MB"},
                                                {"dynamic_shared_memory_type", ""},
                                                {"max_wal_size", "1GB"},
                                                {"min_wal_size", "80MB"},
                                                {"log_line_prefix", "%m [%p] %q%u@%d "},
                                                {"log_timezone", ""},
                                                {"timezone", ""},
                                                {"datestyle", ""},
                                                {"lc_messages", ""},
                                                {"lc_monetary", ""},
                                                {"lc_numeric", ""},
                                                {"lc_time", ""},
                                                {"default_text_search_config", ""},
                                                {"stats_temp_directory", ""},
                                                {"wal_keep_size", ""},
                                                {"wal_keep_segments", ""},
                                                {"archive_mode", "off"},
                                                {"logging_collector", "off"}}};

bool is_usual(const SettingFound& setting) {
  const auto name = replace_all(setting.name, "TimeZone", "timezone");
  for (const auto& usual : usual_settings)
    if ((name == usual.name || (setting.name == "DateStyle" && usual.name == "datestyle")) &&
        (usual.value.empty() || usual.value == setting.value))
      return true;
  return false;
}

void add_settings(Draft& draft, const Found& found) {
  for (const auto& setting : found.postgres.settings) {
    if (is_usual(setting)) continue;
    if (setting.name == "synchronous_standby_names" && !setting.value.empty()) {
      draft.cannot_tell(setting.file, setting.line, "synchronous replication: tandem's is not built yet");
      continue;
    }
    if (config::reserved::database_setting(setting.name) != nullptr) continue; // tandem sets it itself
    if (config::is_database_setting(setting.name) && config::is_printable(setting.value))
      draft.pair.database.settings[setting.name] = setting.value;
    else
      draft.cannot_tell(setting.file, setting.line, "PostgreSQL's setting " + setting.name);
  }
}

std::vector<std::string> words_of_access(const std::string& line) {
  auto words = split(replace_all(line.substr(0, line.find('#')), "\t", " "), ' ');
  std::erase(words, "");
  return words;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1/128" || address == "localhost";
}

// Debian's own lines, and those for replication: tandem has others.
bool is_usual_access(const std::vector<std::string>& words) {
  if (words[1] == "replication") return true;
  if (words[0] == "local") return words.back() == "peer";
  return words.size() >= 5 && words[1] == "all" && words[2] == "all" && is_loopback(words[3]);
}

void look_at_access(Draft& draft, const Found& found) {
  for (const auto& cluster : found.clusters) {
    const auto path = cluster + "/pg_hba.conf";
    const auto* text = found.file(path);
    if (text == nullptr) continue;
    std::size_t number = 0;
    for (const auto& line : lines_of(*text)) {
      ++number;
      const auto words = words_of_access(line);
      if (words.size() < 4 || is_usual_access(words)) continue;
      draft.cannot_tell(path, number,
                        "\"" + std::string(trim(line)) +
                            "\": with tandem only the server's own users log in, each as the role of its own name or "
                            "as the owner of its site's database");
    }
  }
}

} // namespace

void draft_database(Draft& draft, const Found& found) {
  if (found.clusters.size() > 1)
    draft.cannot_tell(
        "/etc/postgresql", 0,
        "there is more than one cluster; tandem runs the one of Debian's own version that is called main");
  else if (!found.clusters.empty() && last_part(found.clusters.front()) != "main")
    draft.cannot_tell(found.clusters.front(), 0, "the cluster is not called main; tandem would make one that is");
  if (!found.postgres.answers)
    draft.cannot_tell("/etc/postgresql", 0,
                      "PostgreSQL does not answer: its settings and databases are missing; start it and adopt again");
  add_settings(draft, found);
  look_at_access(draft, found);
}

} // namespace tandem::adopt
