// Mail that leaves the servers arrives on the host tre, whoever it is for.
#pragma once
#include "lab/lab.hpp"

#include <string>

namespace tandem::lab {

// What [host] mail has to be.
inline constexpr auto* mail_to_sink = "mail = \"smarthost 10.77.0.13\"\n";

void make_mail_sink(Lab& lab);
// Whether a mail to that address arrives, and one with that text (a regular expression of grep's).
bool mail_arrives(Lab& lab, const std::string& address, const std::string& text);

} // namespace tandem::lab
