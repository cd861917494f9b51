#include "lab/acme.hpp"

#include <fmt/format.h>

namespace tandem::lab {

namespace {

constexpr auto* acme_folder = "/srv/acme";

// Its own HTTPS is under an authority of its own, as a private ACME server's is.
constexpr auto* make_authority = R"(set -e
mkdir -p /srv/acme && cd /srv/acme
[ -e server.pem ] && exit
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=ACME of the lab' \
  -keyout ca.key -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=tre' -keyout server.key -out server.csr
printf 'subjectAltName=DNS:tre\n' > names
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile names -out server.new
mv server.new server.pem
)";

std::string settings_of(const Acme& acme) {
  return fmt::format(R"({{"pebble": {{
  "listenAddress": "0.0.0.0:{0}", "managementListenAddress": "0.0.0.0:{1}",
  "certificate": "{2}/server.pem", "privateKey": "{2}/server.key",
  "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false,
  "certificateValidityPeriod": {3}
}}}}
)",
                     acme.port, acme.port + 1, acme_folder, acme.lifetime.count());
}

Result<void> shell(Lab& lab, const std::string& line) {
  TANDEM_CHECK(lab.run_checked("tre", {"bash", "-c", line}));
  return {};
}

// A unit of its own, unless it runs. Pebble by itself plays tricks on clients: it waits, refuses one nonce in twenty,
// and uses half of the valid authorizations again, so that a name that leads elsewhere would still get its certificate.
std::string start_line(const std::string& unit, const std::string& command) {
  return fmt::format("systemctl is-active -q {0} || systemd-run --quiet --collect --unit={0} "
                     "-E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 -E PEBBLE_AUTHZREUSE=0 {1}",
                     unit, command);
}

} // namespace

std::string directory_of(const Acme& acme) {
  return fmt::format("https://tre:{}/dir", acme.port);
}

Result<std::string> start_acme(Lab& lab, const Acme& acme) {
  TANDEM_CHECK(shell(lab, "command -v pebble >/dev/null || (apt-get -q update && apt-get -q -y install "
                          "--no-install-recommends pebble openssl curl)"));
  TANDEM_CHECK(shell(lab, make_authority));
  const auto settings = fmt::format("{}/{}.json", acme_folder, acme.unit);
  TANDEM_CHECK(lab.write_file("tre", settings, settings_of(acme), 0644));
  TANDEM_CHECK(shell(lab, start_line("acme-names", "pebble-challtestsrv -defaultIPv6 '' -http01 '' -https01 '' "
                                                   "-tlsalpn01 '' -dns01 127.0.0.1:8053 -management 127.0.0.1:8055")));
  TANDEM_CHECK(shell(lab, start_line(acme.unit, "pebble -config " + settings + " -dnsserver 127.0.0.1:8053")));
  TANDEM_CHECK(shell(lab, fmt::format("for i in $(seq 300); do curl -sf --cacert {}/ca.pem {} >/dev/null && exit; "
                                      "sleep 0.1; done; exit 1",
                                      acme_folder, directory_of(acme))));
  return lab.read_file("tre", std::string(acme_folder) + "/ca.pem");
}

Result<std::string> issuer_of(Lab& lab, const Acme& acme) {
  return lab.run_checked("tre", {"curl", "-sf", "--cacert", std::string(acme_folder) + "/ca.pem",
                                 fmt::format("https://tre:{}/roots/0", acme.port + 1)});
}

Result<void> lead_names_to(Lab& lab, const std::string& address) {
  return shell(lab, fmt::format(R"(curl -sf -d '{{"ip":"{}"}}' http://127.0.0.1:8055/set-default-ipv4)", address));
}

} // namespace tandem::lab
