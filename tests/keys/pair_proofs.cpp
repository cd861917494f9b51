// [pair], [host], [[server]], [[user]].
#include "keys/key_proofs.hpp"

#include <algorithm>
#include <iterator>

namespace tandem::proofs {

namespace {

using enum Place;

std::vector<Proof> of_pair_and_host() {
  const std::string packages = R"("less", "curl", "exim4-daemon-light")"; // the last two are the probes' own
  const std::string mail = "exim4 -bt root";
  return {
      {"pair.name",
       R"("shops")",
       R"("stalls")",
       {{standby, "tandem status --json | grep '\"pair\"'", R"("shops")", R"("stalls")"}}},
      {"pair.admin_mail",
       R"("ops@example.org")",
       R"("night@example.org")",
       {{primary, mail, "ops@example.org", "night@example.org"},
        {standby, mail, "ops@example.org", "night@example.org"}}},
      // An agent that starts anew meets the other one there.
      {"pair.port",
       "7411",
       "7500",
       {{standby,
         "for port in 7411 7500; do ss -Htn state established \"( sport = :$port or dport = :$port )\" | "
         "grep -q . && echo \"talks on $port\"; done",
         "talks on 7411", "talks on 7500", "systemctl restart tandem"}}},
      {"host.timezone", R"("Europe/Moscow")", R"("Asia/Omsk")", {{standby, "date +%z", "+0300", "+0600"}}},
      {"host.packages",
       "[" + packages + "]",
       "[" + packages + R"(, "htop"])",
       {{primary, "command -v htop || echo none", "none", "/usr/bin/htop"},
        {standby, "command -v htop || echo none", "none", "/usr/bin/htop"}}},
      {"host.time_servers",
       R"(["10.77.0.13"])",
       R"(["10.77.0.13", "time.example.org"])",
       {{standby, "systemd-analyze cat-config systemd/timesyncd.conf | grep ^NTP=", "NTP=10.77.0.13",
         "NTP=10.77.0.13 time.example.org"}}},
      {"host.mail",
       R"("local")",
       R"("smarthost 10.77.0.13:2525")",
       {{standby, "exim4 -bt someone@example.net | tr '\n' ' '", "is undeliverable", "host 10.77.0.13"}}},
      {.key = "host.security_updates",
       .before = "false",
       .after = "false",
       .test = "Updates.AreInstalledOnTheStandbyFirstAndNothingThatVisitorsWouldNoticeOnThePrimary"},
      {"host.firewall",
       "false",
       "true",
       {{visitor, "timeout 3 bash -c 'echo > /dev/tcp/%standby_address%/5432' 2>/dev/null && echo open || echo shut",
         "open", "shut"}}},
      {.key = "host.repair",
       .before = "false",
       .after = "true",
       .probes = {},
       .test = "Drift.StandsInStatusAndIsRepairedByItselfOnlyWhereThatIsAllowed"},
  };
}

// The servers' further addresses and the routes to use them are made by the test, as their owner's hosting company
// does.
std::vector<Proof> of_servers() {
  return {
      {"server.address6",
       "",
       R"("fd77::11")",
       {{primary, "ss -Htln 'sport = :443' | grep -o '\\[::\\]:443' || echo none", "none", "[::]:443"}}},
      {"server.peer_address",
       "",
       R"("10.77.0.21")",
       {{standby, "sql 'select sender_host from pg_stat_wal_receiver'", "%primary_address%", "10.77.0.21"}},
       Change::servers},
      {"server.address",
       R"("%standby_address%")",
       R"("10.77.0.22")",
       {{primary, "sql 'select client_addr, state from pg_stat_replication'", "%standby_address%|streaming",
         "10.77.0.22|streaming"}},
       Change::servers},
      {"server.name",
       R"("%primary%")",
       R"("otherwise")",
       {{primary, "tandem plan", "no changes", "tandem.toml no longer has %primary%, which is one of the pair"}},
       Change::refused},
  };
}

std::vector<Proof> of_users() {
  const std::string logins =
      "for key in one two; do ssh -i /root/probe-$key -o BatchMode=yes -o IdentitiesOnly=yes "
      "keeper@%primary_address% true 2>/dev/null && echo \"$key comes in\" || echo \"$key stays out\"; done";
  return {
      {"user.name", R"("clerk")", R"("porter")", {{standby, "id porter || id clerk", "(clerk)", "(porter)"}}},
      {"user.uid", "2001", "2002", {{standby, "id -u porter || id -u clerk", "2001", "2002"}}},
      {"user.primary_group", "", R"("adm")", {{primary, "id -gn keeper", "keeper", "adm"}}},
      {"user.groups", R"(["adm"])", R"(["adm", "packers"])", {{primary, "id -Gn keeper", "adm", "packers"}}},
      {"user.sudo_nopasswd",
       "false",
       "true",
       {{primary, "runuser -u keeper -- sudo -n true && echo allowed", "password is required", "allowed"}}},
      {"user.ssh_keys",
       R"(["%key_one% visitor"])",
       R"(["%key_two% visitor"])",
       {{visitor, logins, "one comes in\ntwo stays out", "one stays out\ntwo comes in"}}},
      {"user.sftp_only",
       "false",
       "true",
       {{visitor,
         "ssh -i /root/probe-two -o BatchMode=yes -o IdentitiesOnly=yes courier@%primary_address% echo a shell "
         "2>/dev/null || echo none",
         "a shell", "none"},
        {standby, "getent passwd courier | cut -d: -f7", "/bin/bash", "/bin/false"}}},
      {"user.password_file",
       "",
       R"("secrets/probe.password")",
       {{standby, "getent shadow courier | cut -d: -f2 | cut -c1-3", "!", "$6$"}}},
      {"user.folders",
       R"(["inbox"])",
       R"(["inbox", "outbox"])",
       {{primary, "stat -c '%U %G %a' /home/courier/outbox 2>/dev/null || echo none", "none",
         "courier www-data 2750"}}},
  };
}

} // namespace

std::vector<Proof> pair_proofs() {
  std::vector<Proof> proofs;
  for (auto part : {of_pair_and_host, of_servers, of_users})
    std::ranges::move(part(), std::back_inserter(proofs));
  return proofs;
}

} // namespace tandem::proofs
