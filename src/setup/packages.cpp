#include "setup/subjects.hpp"

namespace tandem::setup {

void add_packages(Resources& out, const View& view) {
  converge::PackageSet packages{{"sudo", "rsync", "openssh-client", "python3-dev", "python3-virtualenv", "python3-pip",
                                 "postgresql", "nginx", "uwsgi-core", "uwsgi-plugin-python3", "git", "curl", "tzdata",
                                 "logrotate", "redis-server"}};
  if (!view.pair.host.time_servers.empty()) packages.names.emplace_back("systemd-timesyncd");
  if (!view.pair.host.mail.empty()) packages.names.emplace_back("exim4-daemon-light");
  if (view.pair.cache.memcached) packages.names.emplace_back("memcached");
  if (!view.pair.certificates.acme.empty()) packages.names.emplace_back("certbot");
  if (view.pair.dns.provider != "none") packages.names.emplace_back("bind9-dnsutils");
  if (view.pair.host.firewall) packages.names.emplace_back("nftables");
  if (view.pair.host.security_updates) packages.names.emplace_back("unattended-upgrades");
  if (ssh_matters(view.pair)) packages.names.emplace_back("openssh-server");
  for (const auto& name : view.pair.host.packages)
    if (std::ranges::find(packages.names, name) == packages.names.end()) packages.names.push_back(name);
  out.push_back({.kind = std::move(packages), .why = "what the sites and tandem need"});
}

} // namespace tandem::setup
