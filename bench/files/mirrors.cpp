#include "files/mirrors.hpp"

#include "common/shop_bench.hpp"

#include <fmt/format.h>

namespace tandem::bench {

namespace {

constexpr auto* two_servers = R"([pair]
name = "shops"
admin_mail = "ops@example.org"

[[server]]
name = "uno"
address = "10.77.0.11"

[[server]]
name = "duo"
address = "10.77.0.12"
)";

Result<void> run_on(lab::Lab& lab, const std::string& host, const std::string& script) {
  TANDEM_CHECK(lab.run_checked(host, {"sh", "-ec", script}));
  return {};
}

Result<void> both(lab::Lab& lab, const std::string& script) {
  for (const auto* host : {"uno", "duo"})
    TANDEM_CHECK(run_on(lab, host, script));
  return {};
}

Mirror lsyncd(lab::Lab& lab, const std::string& name, const std::string& configuration, bool quick) {
  return {.name = name,
          .quick = quick,
          .start =
              [&lab, configuration] {
                return run_on(
                    lab, "uno",
                    fmt::format("lsyncd -pidfile /run/lsyncd.pid -logfile /var/log/lsyncd.log {}", configuration));
              },
          .stop =
              [&lab] {
                return run_on(lab, "uno",
                              "kill $(cat /run/lsyncd.pid); while pidof lsyncd; do sleep 0.1; done; rm -f "
                              "/run/lsyncd.pid");
              },
          .programs = {"lsyncd", "rsync", "ssh"}};
}

} // namespace

Result<void> set_up_tandem(lab::Lab& lab, lab::ShopPair& pair) {
  TANDEM_CHECK(set_up_pair(pair, two_servers));
  return both(lab, "systemctl stop tandem");
}

Result<void> set_up_lsyncd(lab::Lab& lab) {
  TANDEM_CHECK(both(lab, "export DEBIAN_FRONTEND=noninteractive; apt-get -q -y install lsyncd rsync openssh-server "
                         "openssh-client"));
  TANDEM_CHECK(run_on(lab, "uno",
                      "test -e /root/.ssh/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -f "
                      "/root/.ssh/id_ed25519"));
  TANDEM_TRY(const auto key, lab.run_checked("uno", {"cat", "/root/.ssh/id_ed25519.pub"}));
  TANDEM_CHECK(run_on(lab, "duo", fmt::format("mkdir -p /root/.ssh; echo '{}' >> /root/.ssh/authorized_keys", key)));
  TANDEM_CHECK(run_on(lab, "uno", "ssh-keyscan 10.77.0.12 >> /root/.ssh/known_hosts"));
  for (const auto* name : {"lsyncd-as-installed.lua", "lsyncd-fast.lua"})
    TANDEM_CHECK(lab.copy_in(fmt::format("{}/{}", TANDEM_LSYNCD, name), "uno", fmt::format("/root/{}", name)));
  return {};
}

std::vector<Mirror> all_mirrors(lab::Lab& lab) {
  return {{.name = "tandem",
           .quick = true,
           .start = [&lab] { return both(lab, "systemctl start tandem"); },
           .stop = [&lab] { return both(lab, "systemctl stop tandem"); },
           .programs = {"tandem"},
           .compare = "tandem files reconcile"},
          lsyncd(lab, "lsyncd, as fast as it can be set", "/root/lsyncd-fast.lua", true),
          lsyncd(lab, "lsyncd, as installed", "/root/lsyncd-as-installed.lua", false)};
}

} // namespace tandem::bench
