#include "sites/uwsgi.hpp"

#include "sites/confinement.hpp"

#include <array>

namespace tandem::sites {

namespace {

using Setting = std::pair<std::string, std::string>;

// A deploy finds the application by these, drops root's rights by these, or waits for its end by these.
constexpr std::array<std::string_view, 16> fixed{
    "socket",     "chmod-socket", "chown-socket", "uid",      "gid",       "master",  "module",  "wsgi-file",
    "virtualenv", "chdir",        "die-on-term",  "need-app", "daemonize", "pidfile", "emperor", "plugins"};

std::vector<Setting> settings_of(const Layout& layout, const model::Site& site, const Release& release) {
  const auto folder = layout.release(site.domain, release.id);
  return {
      {"strict", "true"},
      {"plugins", "python3"},
      {"socket", layout.socket(site.domain, release.id)},
      // nginx alone comes in. All sites run with its group: one of them that asks another gets past nginx's password.
      {"chmod-socket", "600"},
      {"chown-socket", "www-data"},
      {"listen", "4096"},
      {"uid", site.owner},
      {"gid", "www-data"},
      {"master", "true"},
      {"die-on-term", "true"},
      {"need-app", "true"},
      {"lazy-apps", "true"},
      {"single-interpreter", "true"},
      {"enable-threads", "true"},
      {"thunder-lock", "true"},
      {"chdir", folder},
      {"pythonpath", folder},
      {"virtualenv", layout.environment(site.domain, release.environment)},
      {"module", site.wsgi},
      {"processes", std::to_string(site.uwsgi.processes)},
      {"threads", std::to_string(site.uwsgi.threads)},
      {"harakiri", std::to_string(site.uwsgi.harakiri.count())},
      {"buffer-size", "32768"},
      {"disable-logging", "true"},
      {"log-5xx", "true"},
      {"ignore-sigpipe", "true"},
      {"ignore-write-errors", "true"},
      {"disable-write-exception", "true"},
      {"auto-procname", "true"},
      {"procname-prefix-spaced", site.domain},
  };
}

bool is_fixed(std::string_view name) {
  return std::ranges::find(fixed, name) != fixed.end();
}

} // namespace

std::string site_unit_text(const Layout& layout) {
  return fmt::format(R"([Unit]
Description=Site release %I
After=network.target
# A site that serves comes back however often it dies.
StartLimitIntervalSec=0
# One that failed to start is not kept as a failed unit: the deploy has told of it.
CollectMode=inactive-or-failed

[Service]
Type=notify
# uWSGI begins as root to make the socket and becomes the site's owner before it loads any of the site's code.
ExecStart=/usr/bin/uwsgi --ini {0}/sites/%I.ini
EnvironmentFile={0}/sites/%I.env
Restart=on-failure
RestartSec=1
# 22: the application does not load; trying again would not help.
RestartPreventExitStatus=22
KillMode=mixed
TimeoutStartSec=60
TimeoutStopSec=10
{1})",
                     layout.state, confinement);
}

std::string uwsgi_ini(const Layout& layout, const model::Site& site, const Release& release) {
  auto settings = settings_of(layout, site, release);
  for (const auto& [name, value] : site.uwsgi.settings) {
    const auto same = std::ranges::find(settings, name, &Setting::first);
    if (same != settings.end())
      same->second = value;
    else
      settings.emplace_back(name, value);
  }
  std::string text = "# Made by tandem for this release; the next deploy makes its own.\n[uwsgi]\n";
  for (const auto& [name, value] : settings)
    text += name + " = " + value + "\n";
  return text;
}

Result<void> check_uwsgi_settings(const model::Site& site) {
  for (const auto& [name, value] : site.uwsgi.settings) {
    if (is_fixed(name))
      return fail(ErrorKind::invalid, site.domain + ": the uWSGI setting " + name + " is tandem's own",
                  "Take it out of [site.uwsgi] settings.");
    if (name.find_first_of("=\r\n[ ") != std::string::npos || value.find_first_of("\r\n") != std::string::npos)
      return fail(ErrorKind::invalid, site.domain + ": the uWSGI setting " + name + " is not one line");
  }
  return {};
}

} // namespace tandem::sites
