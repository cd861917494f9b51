// Security updates of Debian's, one server after the other: what waits, when, and what is left for another day. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tandem::agent {

// The packages that `apt-get --simulate upgrade` would take from Debian's security archive, sorted. Its lines are
// "Inst NAME [OLD] (NEW LABEL:VERSION/SUITE [ARCHITECTURE])".
[[nodiscard]] std::vector<std::string> waiting_updates(std::string_view simulated);

// apt's configuration for such a run: configuration files stay as they are, without a question. On a server that serves
// whatever restarts what visitors wait for is left until it is a standby (unattended-upgrade takes regular
// expressions).
[[nodiscard]] std::string update_configuration(bool serves);
// Whether such a server leaves that package.
[[nodiscard]] bool is_left_while_serving(const std::string& package);

// What is wrong only until somebody reboots the server.
inline constexpr auto* reboot_problem = "what was updated takes a reboot to be in use (/run/reboot-required)";

// Problems of `after` that are none of `before`, whatever numbers they name, and more than a reboot that waits.
[[nodiscard]] std::vector<std::string> new_problems(const std::vector<std::string>& before,
                                                    const std::vector<std::string>& after);

// Local time: "2026-11-27" and the hour. Once a night, from four o'clock on, and not in the day: a server that was away
// at night waits for the next.
[[nodiscard]] bool updates_are_due(const std::string& today, int hour, const std::string& last_day);

} // namespace tandem::agent
