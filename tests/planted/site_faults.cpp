// Of what a site asks for.
#include "planted/faults.hpp"

#include <algorithm>
#include <iterator>

namespace tandem::planted {

namespace {

std::vector<Fault> of_deploys() {
  return {
      {.name = "release-before-its-time",
       .row = "uWSGI",
       .test = "Deploys.ABrokenReleaseIsSeenByNoVisitorAndEndsWithAnErrorThatSaysWhy",
       .hosts = {"uno"},
       .always = "cd /run/tandem-sites/shop.test && ln -sfn $(ls -t | grep -v current | head -1) current.planted && "
                 "mv -T current.planted current.sock",
       .seen = {"at(\"failed\")"}},
      {.name = "folder-owner",
       .row = "sites in `/www`: git, branch, virtualenv, folders",
       .test = "Keys.EachOneThatIsAcceptedChangesWhatTheServersDo",
       .hosts = {"uno"},
       .always = "chown nikolays /www/.releases/probe.test/shared/drawer",
       .seen = {"site.folders.owner after the change: on uno"},
       .key = "site.folders.owner"},
      {.name = "any-host-key",
       .row = "sites in `/www`: git, branch, virtualenv, folders",
       .test = "Submodules.OfAPrivateRepositoryAreFetchedWithItsKeyAndServedByBothServers",
       .hosts = {"uno"},
       .once = "mv /usr/bin/ssh /usr/bin/ssh.planted; printf '#!/bin/sh\\nexec /usr/bin/ssh.planted -o "
               "StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \"$@\"\\n' > /usr/bin/ssh; "
               "chmod 755 /usr/bin/ssh",
       .seen = {"Host key verification failed", "git@uno:nested-colours.git"}},
      {.name = "failed-deploy-forgotten",
       .row = "deploys told before and after, and of all sites (beyond the page)",
       .test = "DeployLogs.EveryDeployAndRollbackIsKeptWithItsEndAndAllThatWasSaidButSecrets",
       .hosts = {"uno"},
       .always = "cd /var/lib/tandem/deploys/plain.test && rm -f $(grep -l '\"failed\"' *.json)",
       .seen = {"site[\"deploys\"].size()", "4U"}},
      {.name = "secret-of-another",
       .row = "deploy from a push (beyond the page)",
       .test = "Hooks.APushIsDeployedWhicheverServerItReachesAndOthersAreNot",
       .hosts = {"uno", "duo"},
       .always = "echo another > /etc/tandem/secrets/shop.hook",
       .seen = {"403 refused"}},
      {.name = "restore-does-nothing",
       .row = "dumps before migrations, restore, copy of a database (beyond the page)",
       .test = "Dumps.ADeployLeavesOneAndTheShopGoesBackToItWhileVisitorsCome",
       .hosts = {"uno"},
       .once = "cd /usr/lib/postgresql/*/bin; rm pg_restore; printf '#!/bin/sh\\nexit 0\\n' > pg_restore; "
               "chmod 755 pg_restore",
       .seen = {"does not work with the restored database"}}, // it is asked its health before anybody sees it
  };
}

std::vector<Fault> of_work() {
  return {
      {.name = "job-on-the-standby",
       .row = "jobs instead of crontab (beyond the page)",
       .test = "Jobs.RunOnThePrimaryAloneAsTheSitesOwnerWithTheSitesEnvironment",
       .hosts = {"duo"},
       .once = "folder='/etc/systemd/system/tandem-job-shop.test:tick.service.d'; mkdir -p $folder; "
               "printf '[Unit]\\nConditionPathExists=\\n' > $folder/planted.conf; systemctl daemon-reload",
       .always = "systemctl start 'tandem-job-shop.test:tick.service'",
       .seen = {"holds(other(host), std::string(\"test -s \") + ticks)"}},
      {.name = "worker-as-root",
       .row = "Celery",
       .test = "Workers.RunOnThePrimaryAloneAsTheSitesOwner",
       .hosts = {"uno"},
       .once = "folder='/etc/systemd/system/tandem-worker-shop.test:default.service.d'; mkdir -p $folder; "
               "printf '[Service]\\nUser=root\\n' > $folder/planted.conf; systemctl daemon-reload",
       .seen = {"ps -o user=", "\"nikolays\"", "\"root\""}},
      {.name = "half-an-upload",
       .row = "import",
       .test = "Imports.AFinishedUploadIsHandedToTheSitesCommandOnce",
       .hosts = {"uno"},
       .always = "cd /home/import1c/import && mv half.txt.filepart half.txt",
       .seen = {"select count(*) from orders_work", "\"3\""}},
  };
}

} // namespace

std::vector<Fault> faults_of_sites() {
  auto all = of_deploys();
  std::ranges::move(of_work(), std::back_inserter(all));
  return all;
}

} // namespace tandem::planted
