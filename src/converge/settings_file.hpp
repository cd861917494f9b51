// A settings file of PostgreSQL (the language of postgresql.conf), as far as two of them are compared by name. Pure.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tandem::converge {

using DatabaseSettings = std::map<std::string, std::string>; // names in lower case, values without their quotes

// Of a name that is set twice the last value counts, as it does for PostgreSQL. Lines that set nothing are passed over;
// whether the file is right is for PostgreSQL to say.
[[nodiscard]] DatabaseSettings parse_settings(const std::string& text);
// Names that are in one of the two only, or with another value.
[[nodiscard]] std::vector<std::string> differing_names(const DatabaseSettings& one, const DatabaseSettings& other);
// A standby does not start with less of these than its primary has: postgresql.org/docs/15/hot-standby.html,
// "Administrator's Overview".
[[nodiscard]] bool standby_needs_as_much(const std::string& name);
// What a standby's primary had of those at the place in the WAL that the standby has come to: from what pg_controldata
// prints in the C locale. None that it does not name.
[[nodiscard]] std::map<std::string, std::int64_t> needed_by_standby(const std::string& control_data);

} // namespace tandem::converge
