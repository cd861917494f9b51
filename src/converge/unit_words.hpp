// Why a unit did not start, in its own words: systemd says "failed", the reason stands in the journal.
#pragma once
#include "base/result.hpp"
#include "system/processes.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tandem::converge {

// The error with the unit's last words and, where a port was taken, by whom.
Error with_last_words(system::Processes& processes, const std::string& unit, Error error);

// Of a journal, oldest line first, what the program itself said last: no line of systemd's about it, none twice. Pure.
[[nodiscard]] std::vector<std::string> own_words(const std::vector<std::string>& journal, const std::string& unit);

// The port that a line says is taken: nginx's "bind() to 0.0.0.0:80 failed (98: Address already in use)", PostgreSQL's
// "Is another postmaster already running on port 5432?". Pure.
[[nodiscard]] std::optional<std::uint16_t> taken_port(const std::string& line);

// "nc (process 1234)", by a line of `ss -Hltnp`: users:(("nc",pid=1234,fd=3)). Pure.
[[nodiscard]] std::optional<std::string> holder_of(const std::string& line);

} // namespace tandem::converge
