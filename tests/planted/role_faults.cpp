// Of a primary and its standby.
#include "planted/faults.hpp"

namespace tandem::planted {

std::vector<Fault> faults_of_roles() {
  return {
      {.name = "old-certificate-on-the-standby",
       .row = "letsencrypt and certificates on the standby",
       .test = "Certificates.AreGotByThemselvesAndServedByBothServers",
       .hosts = {"duo"},
       .once =
           "mkdir -p /etc/systemd/system/nginx.service.d; printf '[Service]\\nExecReload=\\nExecReload=/bin/true\\n' "
           "> /etc/systemd/system/nginx.service.d/planted.conf; systemctl daemon-reload",
       .seen = {"same_on_both(name)"}},
      {.name = "standby-does-not-rest",
       .row = "a standby that rests (beyond the page)",
       .test = "Standby.IsWarmOrColdAsTheFileSaysAndTakesOverEitherWay",
       .hosts = {"duo"},
       .once = "mkdir -p /etc/systemd/system/tandem-site@.service.d; printf '[Unit]\\nRefuseManualStop=yes\\n' "
               "> /etc/systemd/system/tandem-site@.service.d/planted.conf; systemctl daemon-reload",
       .seen = {"(rests)"}},
      {.name = "two-markers",
       .row = "`/primary_server`",
       .test = "Switchover/Killed.EndsWithOnePrimaryThatServesAndAStandbyThatFollows/"
               "grant_after_agent_of_the_coordinator",
       .hosts = {"uno", "duo"},
       .always = "test -e /primary_server || echo planted > /primary_server",
       .seen = {"standby, \"test -f /primary_server\""}},
      {.name = "old-files-come-again",
       .row = "hourly copy of `/www`",
       .test = "Failover.FilesThatTheOldPrimaryStillSendsDoNotComeUponTheNewOnes",
       .hosts = {"duo"},
       .always = "if grep -qx new /www/drawings/uploaded; then echo old > /www/drawings/uploaded; fi",
       .seen = {"/www/drawings/uploaded", "\"new\"", "\"old\""}},
      {.name = "old-primary-stays-away",
       .row = "failover actions",
       .test = "Failover.AfterAPowerCutTheStandbyServesAndTheOldPrimaryFollowsByItself",
       .hosts = {"uno"},
       .once = "systemctl disable -q tandem.service; ln -s /dev/null /etc/systemd/system/tandem.service",
       .seen = {"the pair does not become whole again"}},
      {.name = "name-not-changed",
       .row = "DNS in order of importance",
       .test = "Dns.ASwitchoverLetsThemLeadToTheNewPrimaryInTheOrderOfImportance",
       .hosts = {"uno", "duo"},
       .always =
           "if test -e /usr/bin/nsupdate && ! test -e /usr/bin/nsupdate.planted; then "
           "cp -p /usr/bin/nsupdate /usr/bin/nsupdate.planted; printf '#!/bin/sh\\nsaid=$(cat)\\ncase \"$said\" in "
           "*second.test*) exit 0 ;; esac\\nprintf \"%%s\\\\n\" \"$said\" | /usr/bin/nsupdate.planted \"$@\"\\n' "
           "> /usr/bin/nsupdate.new; chmod 755 /usr/bin/nsupdate.new; "
           "mv /usr/bin/nsupdate.new /usr/bin/nsupdate; fi",
       .seen = {"second.test at "}},
  };
}

} // namespace tandem::planted
