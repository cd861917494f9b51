// Of what is set up on the servers.
#include "planted/faults.hpp"

#include <algorithm>
#include <iterator>

namespace tandem::planted {

namespace {

// To where the lab gathers mail.
constexpr auto* no_mail_leaves = "ip rule add to 10.77.0.13 ipproto tcp dport 25 prohibit";

constexpr std::chrono::seconds for_cron{130}; // which looks once a minute, on a busy machine

std::vector<Fault> of_the_system() {
  return {
      {.name = "release-refused",
       .row = "Debian 12 and 13, anything else refused by name",
       .test = "ShopPair.ABareServerIsSetUpFromOneFileAndTheShopAnswers",
       .hosts = {"uno"},
       .once = "sed -i 's/^VERSION_ID=.*/VERSION_ID=\"11\"/' /usr/lib/os-release",
       .seen = {"tandem runs on Debian 12 and 13"},
       .own_lab = true},
      {.name = "certbot-does-nothing",
       .row = "required packages",
       .test = "Certificates.AreGotByThemselvesAndServedByBothServers",
       .hosts = {"uno"},
       .always = "if test -e /usr/bin/certbot && ! grep -q planted /usr/bin/certbot; then "
                 "rm /usr/bin/certbot; printf '#!/bin/sh\\n# planted\\nexit 0\\n' > /usr/bin/certbot; "
                 "chmod 755 /usr/bin/certbot; fi",
       .seen = {"same_on_both(name)"}},
      {.name = "package-missing",
       .row = "optional packages",
       .test = "Keys.EachOneThatIsAcceptedChangesWhatTheServersDo",
       .hosts = {"duo"},
       .always = "if test -e /usr/bin/htop; then mv /usr/bin/htop /usr/bin/htop.planted; fi",
       .seen = {"host.packages after the change: on duo"},
       .key = "host.packages"},
      {.name = "time-zone",
       .row = "time zone, time synchronisation, clocks compared",
       .test = "Mail.TimeServersAreThoseOfTheFile",
       .hosts = {"duo"},
       .always = "test $(readlink /etc/localtime) = /usr/share/zoneinfo/UTC || "
                 "ln -sfn /usr/share/zoneinfo/UTC /etc/localtime",
       .seen = {"date +%Z", "\"MSK\"", "duo"}},
      {.name = "time-servers",
       .row = "time zone, time synchronisation, clocks compared",
       .test = "Mail.TimeServersAreThoseOfTheFile",
       .hosts = {"duo"},
       .once = "mkdir -p /etc/systemd/timesyncd.conf.d; "
               "printf '[Time]\\nNTP=10.77.0.99\\n' > /etc/systemd/timesyncd.conf.d/zz-planted.conf",
       .seen = {"NTP=10.77.0.99", "duo"}},
      {.name = "debians-own-updates",
       .row = "security updates (beyond the page)",
       .test = "Updates.AreInstalledOnTheStandbyFirstAndNothingThatVisitorsWouldNoticeOnThePrimary",
       .hosts = {"uno"},
       .once = "echo 'APT::Periodic::Unattended-Upgrade \"1\";' > /etc/apt/apt.conf.d/zz-planted",
       .seen = {"apt-config dump APT::Periodic"}},
  };
}

std::vector<Fault> of_what_is_open() {
  return {
      {.name = "password-logins",
       .row = "users, uids, groups, sudo, keys, no password logins",
       .test = "Logins.WhoHasAKeyComesInAndNoPasswordOpensAnythingElse",
       .hosts = {"duo"},
       .once = "echo 'PasswordAuthentication yes' > /etc/ssh/sshd_config.d/00-planted.conf",
       .seen = {"nikolays@", "Permission denied (publickey)", "duo"}},
      {.name = "partner-forwards",
       .row = "a partner's account: `/bin/false`, `sftponly`, chroot",
       .test = "Logins.AnImportersAccountGetsNoShellAndNoWayThrough",
       .hosts = {"uno"},
       .once = "printf 'Match User import1c\\nAllowTcpForwarding yes\\nDisableForwarding no\\nMatch all\\n' > "
               "/etc/ssh/sshd_config.d/00-planted.conf",
       .seen = {"-W 127.0.0.1:5432", "forwarding failed"}},
      {.name = "port-open",
       .row = "firewall (beyond the page)",
       .test = "Firewall.LetsVisitorsAndThePeersInAndNobodyElse",
       .hosts = {"duo"},
       .always = "if nft list chain inet tandem input > /run/planted.rules 2>/dev/null && "
                 "! grep -q 'dport 8000 accept' /run/planted.rules; then "
                 "nft insert rule inet tandem input tcp dport 8000 accept; fi",
       .seen = {"open_ports(\"tre\", host)", "22 80 443 8000", "duo"}},
      {.name = "names-of-strangers",
       .row = "nginx",
       .test = "Outside.TlsIsAsItShouldBeTodayAndUnknownNamesGetNothing",
       .hosts = {"duo"},
       .once = "set -o pipefail; of() { grep -rhm1 \"^ *$1 \" /etc/nginx/sites-enabled/shop.test.conf; }; "
               "{ echo 'server { listen 443 ssl; server_name other.test; return 200;'; of ssl_certificate; "
               "of ssl_certificate_key; echo '}'; } > /etc/nginx/conf.d/planted.conf; nginx -t -q; "
               "systemctl reload nginx",
       .seen = {"no handshake", "duo"}},
      {.name = "database-open",
       .row = "PostgreSQL replication, pg_hba",
       .test = "Outside.PostgreSQLAnswersNobodyButThePair",
       .hosts = {"duo"},
       .once = "sed -i '1i host all nikolays 10.77.0.13/32 scram-sha-256' /etc/postgresql/*/main/pg_hba.conf; "
               "cd /; runuser -u postgres -- psql -qc 'select pg_reload_conf()'",
       .seen = {"no pg_hba.conf entry", "duo nikolays"}},
  };
}

std::vector<Fault> of_services() {
  return {
      {.name = "mail-stays",
       .row = "exim4 on loopback, root's mail to `admin_mail`",
       .test = "Mail.OfCronAndOfASiteArrivesFromBothServers",
       .hosts = {"duo"},
       .once = no_mail_leaves,
       .seen = {"mail_arrives", "ops@example.org", "duo"},
       .patience = for_cron},
      {.name = "memcached-outside",
       .row = "memcached, redis",
       .test = "Memcached.IsAsLargeAsTheFileSaysAndReachedFromItsOwnServerAlone",
       .hosts = {"duo"},
       .always = "if test -e /usr/bin/memcached && ! ss -Htln 'sport = :11211' | grep -q 10.77.0.12; then "
                 "memcached -d -u memcache -l 10.77.0.12 -p 11211; fi",
       .seen = {"ss -Htlun", "10.77.0.12:11211", "duo"}},
      {.name = "queue-evicts",
       .row = "memcached, redis",
       .test = "Queue.TheCacheEvictsTheQueueDoesNotAndNobodyElseReachesThem",
       .hosts = {"duo"},
       .always = "redis-cli -p 6380 config set maxmemory-policy allkeys-lru",
       .seen = {"noeviction", "duo"}},
      {.name = "log-emptied",
       .row = "log rotation",
       .test = "LogRotation.KeepsEveryLineUnderLoad",
       .hosts = {"uno"},
       .always = "sleep 1; : > /www/shop.test/logs/orders.log",
       .seen = {"lines(host, orders_log"}},
      {.name = "alert-lost",
       .row = "alerts (beyond the page)",
       .test = "Alerts.ThatReachNobodyAreAProblemOfStatus",
       .hosts = {"uno"},
       .once = no_mail_leaves,
       .seen = {"mail_arrives", "a test: this would be a problem"}},
      {.name = "changed-while-read",
       .row = "servers set up along the page before there was tandem (beyond the page)",
       .test = "Adopt.AServerSetUpByHandIsReadAndNotChanged",
       .hosts = {"uno"},
       .always = "if pgrep -f 'tandem adopt' > /dev/null; then echo adopted >> /etc/motd; fi",
       .seen = {"lines_in_one(*before, *after)", "/etc/motd"},
       .own_lab = true},
  };
}

} // namespace

std::vector<Fault> faults_of_servers() {
  auto all = of_the_system();
  for (auto part : {of_what_is_open, of_services})
    std::ranges::move(part(), std::back_inserter(all));
  return all;
}

} // namespace tandem::planted
