#include "partner.hpp"

#include "base/text.hpp"
#include "lab_fixture.hpp"

namespace tandem::lab {

// Passwords are typed by a program, as ssh(1) has it for SSH_ASKPASS.
void make_partner(Lab& lab) {
  on(lab, "tre",
     "printf '#!/bin/sh\\ncat /root/password\\n' > /root/askpass && chmod 755 /root/askpass && "
     "(test -e /root/boss || ssh-keygen -q -t ed25519 -N '' -f /root/boss)");
}

void give_partner_password(Lab& lab, const std::string& server) {
  on(lab, server, "mkdir -p -m 700 /etc/tandem/secrets");
  ASSERT_OK(lab.write_file(server, "/etc/tandem/secrets/import1c", std::string(partner_password) + "\n", 0600));
}

std::string partner_runs(Lab& lab, const std::string& command, const std::string& password) {
  const auto options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
                       "-o NumberOfPasswordPrompts=1 -o BatchMode=no -o ConnectTimeout=20";
  return on(lab, "tre",
            "echo '" + password +
                "' > /root/password; export SSH_ASKPASS=/root/askpass SSH_ASKPASS_REQUIRE=force; timeout 60 " +
                replace_all(command, "%o", options) + " 2>&1; echo status $?");
}

std::string sftp(Lab& lab, const std::string& address, const std::string& lines, const std::string& password) {
  on(lab, "tre", "printf '" + lines + "\\n' > /root/lines");
  return partner_runs(lab, "sftp %o -b /root/lines import1c@" + address, password);
}

} // namespace tandem::lab
