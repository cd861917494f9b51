// [database], [files].
#include "keys/key_proofs.hpp"

namespace tandem::proofs {

namespace {

Probe reaches_standby(const std::string& path, const std::string& before, const std::string& after,
                      const std::string& how = "reconcile") {
  return {Place::standby, "test -e " + path + " && echo came || echo waits", before, after,
          "touch " + path + "; " + how};
}

constexpr auto* memory_of_redis = "redis-cli config get maxmemory";

constexpr auto* memory_of_memcached =
    R"(bash -c 'exec 3<>/dev/tcp/127.0.0.1/11211; printf "stats settings\r\nquit\r\n" >&3; grep maxbytes <&3')";

} // namespace

std::vector<Proof> service_proofs() {
  using enum Place;
  const std::string excluded = R"("*.pyc", "__pycache__/", "logs/")";
  // Half of the files vanish and come back.
  const std::string half = "for page in $(seq 10); do touch /srv/guarded/page$page; done; reconcile; "
                           "rm /srv/guarded/page[1-5]; tandem files reconcile; "
                           "for page in $(seq 10); do touch /srv/guarded/page$page; done; reconcile";
  return {
      {"database.settings",
       R"({ work_mem = "5MB" })",
       R"({ work_mem = "6MB" })",
       {{primary, "sql 'show work_mem'", "5MB", "6MB"}, {standby, "sql 'show work_mem'", "5MB", "6MB"}}},
      {"database.slot_limit", R"("1GB")", R"("2GB")", {{primary, "sql 'show max_slot_wal_keep_size'", "1GB", "2GB"}}},
      {"files.replicate",
       R"(["/www", "/srv/guarded"])",
       R"(["/www", "/srv/guarded", "/srv/papers"])",
       {reaches_standby("/srv/papers/note", "waits", "came")}},
      {"files.exclude",
       "[" + excluded + "]",
       "[" + excluded + R"(, "*.draft"])",
       {reaches_standby("/srv/guarded/%moment%.draft", "came", "waits")}},
      {"files.deletion_guard", R"("10%")", R"("90%")", {{primary, half, "would vanish", "5 deleted"}}},
      {"cache.memcached",
       R"("16MB")",
       R"("24MB")",
       {{primary, memory_of_memcached, "maxbytes 16777216", "maxbytes 25165824"},
        {standby, memory_of_memcached, "maxbytes 16777216", "maxbytes 25165824"}}},
      {"cache.redis",
       R"("16MB")",
       R"("24MB")",
       {{primary, memory_of_redis, "16777216", "25165824"}, {standby, memory_of_redis, "16777216", "25165824"}}},
      {.key = "alerts.mail",
       .before = "false",
       .after = "false",
       .test = "Alerts.WhatHasStoodForAMinuteIsToldByThePrimaryOnceAndSoIsItsEnd"},
      {.key = "alerts.command",
       .before = "[]",
       .after = "[]",
       .test = "Alerts.WhatHasStoodForAMinuteIsToldByThePrimaryOnceAndSoIsItsEnd"},
      {.key = "alerts.replica_lag",
       .before = R"("30s")",
       .after = R"("30s")",
       .test = "Alerts.WhatHasStoodForAMinuteIsToldByThePrimaryOnceAndSoIsItsEnd"},
      {.key = "alerts.certificate",
       .before = R"("auto")",
       .after = R"("auto")",
       .test = "Alerts.WhatHasStoodForAMinuteIsToldByThePrimaryOnceAndSoIsItsEnd"},
      // Else the disks would be a problem to the end of the others' proofs.
      {.key = "alerts.disk",
       .before = R"("90%")",
       .after = R"("90%")",
       .test = "Alerts.ThatReachNobodyAreAProblemOfStatus"},
      {.key = "certificates.acme",
       .before = R"("")",
       .after = R"("")",
       .test = "Certificates.AreGotByThemselvesAndServedByBothServers"},
      {.key = "certificates.ca_bundle",
       .before = R"("")",
       .after = R"("")",
       .test = "Certificates.AreGotByThemselvesAndServedByBothServers"},
      {.key = "certificates.renew_before",
       .before = R"("auto")",
       .after = R"("auto")",
       .test = "Certificates.AreRenewedWhenTheFileSays"},
      {.key = "dns.provider=none",
       .before = R"("none")",
       .after = R"("none")",
       .test = "Dns.AreLeftAloneWhereNobodyIsNamedToChangeThem"},
      {.key = "dns.provider=rfc2136",
       .before = R"("none")",
       .after = R"("none")",
       .test = "Dns.ASwitchoverLetsThemLeadToTheNewPrimaryInTheOrderOfImportance"},
      {.key = "dns.provider=command",
       .before = R"("none")",
       .after = R"("none")",
       .test = "Dns.AreChangedByAProgramOfTheOperators"},
      {.key = "dns.provider=manual",
       .before = R"("none")",
       .after = R"("none")",
       .test = "Dns.ThatAPersonChangesAreNamed"},
      {.key = "dns.server",
       .before = R"("")",
       .after = R"("192.0.2.53")",
       .test = "Dns.ASwitchoverLetsThemLeadToTheNewPrimaryInTheOrderOfImportance"},
      {.key = "dns.key_file",
       .before = R"("")",
       .after = R"("")",
       .test = "Dns.ASwitchoverLetsThemLeadToTheNewPrimaryInTheOrderOfImportance"},
      {.key = "dns.command",
       .before = "[]",
       .after = R"(["/bin/true"])",
       .test = "Dns.AreChangedByAProgramOfTheOperators"},
      {.key = "dns.ttl",
       .before = R"("60s")",
       .after = R"("2m")",
       .test = "Dns.ASwitchoverLetsThemLeadToTheNewPrimaryInTheOrderOfImportance"},
      {.key = "logs.rotate=daily",
       .before = R"("daily")",
       .after = R"("daily")",
       .test = "LogRotation.KeepsEveryLineUnderLoad"},
      {"logs.rotate=weekly",
       R"("daily")",
       R"("weekly")",
       {{primary, "cat /etc/logrotate.d/nginx", "daily", "weekly"},
        {standby, "cat /etc/logrotate.d/nginx", "daily", "weekly"}}},
      {.key = "logs.rotate=monthly",
       .before = R"("monthly")",
       .after = R"("monthly")",
       .test = "LogRotation.IsAsOftenAsTheFileSays"},
      {"logs.keep", "7", "9", {{standby, "cat /etc/logrotate.d/nginx", "rotate 7", "rotate 9"}}},
      // Nobody asks for it.
      {"files.reconcile",
       R"("1h")",
       R"("1m")",
       {reaches_standby("/srv/guarded/unasked-%moment%", "waits", "came", "true")}},
  };
}

} // namespace tandem::proofs
