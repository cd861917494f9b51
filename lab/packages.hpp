// What is installed on the lab's hosts from the start, and what its archive offers for tandem to install.
#pragma once
#include <string>
#include <vector>

namespace tandem::lab {

// A bare Debian server as a hosting company hands it over, and nothing that tandem should bring itself.
inline const std::vector<std::string> bare_packages{"systemd",  "systemd-sysv", "dbus",           "openssh-server",
                                                    "iproute2", "apt",          "ca-certificates"};

// The outside world on top of that: git over ssh and http, and the libraries of the load tool.
inline const std::vector<std::string> outside_packages{
    "git",      "nginx",   "fcgiwrap", "curl",     "rsync",         "iputils-ping", "openssh-client",
    "nftables", "libssl3", "libpq5",   "libcurl4", "libnghttp2-14", "libsqlite3-0", "libsystemd0"};

// What tandem's own package depends on and what `tandem apply` installs; each with all that it depends on.
// A name that a release lacks is left out, or taken with the suffix t64 of Debian 13's 64-bit time.
inline const std::vector<std::string> archive_packages{"sudo",
                                                       "systemd-timesyncd",
                                                       "exim4-daemon-light",
                                                       "rsync",
                                                       "python3-dev",
                                                       "python3-virtualenv",
                                                       "python3-venv",
                                                       "python3-pip",
                                                       "postgresql",
                                                       "nginx-light",
                                                       "nginx",
                                                       "uwsgi",
                                                       "uwsgi-plugin-python3",
                                                       "memcached",
                                                       "redis-server",
                                                       "certbot",
                                                       "pebble",
                                                       "git",
                                                       "openssh-client",
                                                       "openssh-server",
                                                       "ca-certificates",
                                                       "libpq5",
                                                       "libssl3",
                                                       "libsystemd0",
                                                       "libcurl4",
                                                       "libsqlite3-0",
                                                       "less",
                                                       "htop",
                                                       "emacs-nox",
                                                       "bind9-dnsutils",
                                                       "bind9",
                                                       "nftables",
                                                       "unattended-upgrades",
                                                       "logrotate",
                                                       "openssl",
                                                       "tzdata",
                                                       "acl",
                                                       "attr",
                                                       "cron",
                                                       "rsyslog",
                                                       "curl",
                                                       "lsyncd",
                                                       "sslscan",
                                                       "graphite-web",
                                                       "python3-psycopg2",
                                                       "procps"};

} // namespace tandem::lab
