// A partner who sends files by SFTP, with a password, from the host tre.
#pragma once
#include "lab/lab.hpp"

#include <string>

namespace tandem::lab {

inline constexpr auto* partner_password = "the right one";

// The account's part of tandem.toml.
inline constexpr auto* partner_toml = R"(
[[user]]
name = "import1c"
uid = 1002
primary_group = "sftponly"
sftp_only = true
password_file = "secrets/import1c"
folders = ["import"]
)";

// The password is where tandem.toml says it is. Fails the test where that cannot be written.
void give_partner_password(Lab& lab, const std::string& server);
// tre's ssh is given passwords by a program from now on, and has a key, /root/boss.
void make_partner(Lab& lab);
// What a command of ssh's on tre says, and "status N". Its options stand where it has %o.
std::string partner_runs(Lab& lab, const std::string& command, const std::string& password = partner_password);
// A line of sftp's after the other, as import1c, until one fails.
std::string sftp(Lab& lab, const std::string& address, const std::string& lines,
                 const std::string& password = partner_password);

} // namespace tandem::lab
