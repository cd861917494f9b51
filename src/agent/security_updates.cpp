#include "agent/security_updates.hpp"

#include "agent/alerts.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace tandem::agent {

namespace {

constexpr int first_hour = 4;
constexpr int last_hour = 6;

// By the beginnings of their names: PostgreSQL's packages restart it, and each of the others what it brings.
constexpr std::array<const char*, 6> left_while_serving{"postgresql-", "nginx", "libnginx-",
                                                        "uwsgi",       "redis", "memcached"};

} // namespace

std::vector<std::string> waiting_updates(std::string_view simulated) {
  std::vector<std::string> names;
  for (const auto& line : lines_of(simulated)) {
    const auto words = split(line, ' ');
    if (words.size() < 3 || words[0] != "Inst") continue;
    if (line.find(" Debian-Security:") != std::string::npos) names.push_back(words[1]);
  }
  std::ranges::sort(names);
  return names;
}

std::string update_configuration(bool serves) {
  std::string text = "// By tandem, for its runs of unattended-upgrade.\n"
                     "Dpkg::Options { \"--force-confdef\"; \"--force-confold\"; };\n";
  if (!serves) return text;
  text += "Unattended-Upgrade::Package-Blacklist {\n";
  for (const auto* name : left_while_serving)
    text += fmt::format("  \"^{}\";\n", name);
  return text + "};\n";
}

bool is_left_while_serving(const std::string& package) {
  return std::ranges::any_of(left_while_serving, [&](const char* begin) { return package.starts_with(begin); });
}

std::vector<std::string> new_problems(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  std::vector<std::string> fresh;
  std::ranges::copy_if(after, std::back_inserter(fresh), [&](const std::string& problem) {
    return !problem.ends_with(reboot_problem) && std::ranges::none_of(before, [&](const std::string& known) {
      return stable_part(known) == stable_part(problem);
    });
  });
  return fresh;
}

bool updates_are_due(const std::string& today, int hour, const std::string& last_day) {
  return hour >= first_hour && hour < last_hour && today != last_day;
}

} // namespace tandem::agent
