#include "mail_sink.hpp"

#include "lab_fixture.hpp"

namespace tandem::lab {

namespace {

// exim4 on tre takes mail for everybody and keeps it in one file.
constexpr auto* sink = R"(primary_hostname = tre
local_interfaces = 0.0.0.0
acl_smtp_rcpt = accept_all
begin acl
accept_all:
  accept
begin routers
everybody:
  driver = accept
  transport = sink
begin transports
sink:
  driver = appendfile
  file = /var/mail/sink
  user = mail
  group = mail
  envelope_to_add
  return_path_add
)";

} // namespace

void make_mail_sink(Lab& lab) {
  on(lab, "tre", "apt-get -q update && apt-get -q -y install --no-install-recommends exim4-daemon-light");
  ASSERT_OK(lab.write_file("tre", "/etc/exim4/exim4.conf", sink, 0644));
  on(lab, "tre", "systemctl restart exim4");
}

bool mail_arrives(Lab& lab, const std::string& address, const std::string& text) {
  return wait_until(
      [&] {
        return holds_on(lab, "tre",
                        "grep -q 'Envelope-to: " + address + "' /var/mail/sink && grep -q '" + text +
                            "' /var/mail/sink");
      },
      std::chrono::minutes(4)); // cron looks once a minute, and what an alert tells has stood for one
}

} // namespace tandem::lab
