#include "adopt/draft.hpp"
#include "adopt/ini_file.hpp"
#include "base/text.hpp"
#include "config/syntax.hpp"
#include "config/units.hpp"

#include <array>

namespace tandem::adopt {

namespace {

// tandem installs these where they are needed, or does itself what they were there for.
constexpr std::array<std::string_view, 37> own_packages{"sudo",
                                                        "ntpdate",
                                                        "ntpsec-ntpdate",
                                                        "exim4",
                                                        "exim4-base",
                                                        "exim4-config",
                                                        "exim4-daemon-light",
                                                        "rsync",
                                                        "python3-dev",
                                                        "python3-virtualenv",
                                                        "python3-venv",
                                                        "python3-pip",
                                                        "postgresql",
                                                        "nginx",
                                                        "nginx-light",
                                                        "nginx-full",
                                                        "nginx-core",
                                                        "uwsgi",
                                                        "uwsgi-core",
                                                        "uwsgi-plugin-python3",
                                                        "memcached",
                                                        "redis-server",
                                                        "redis",
                                                        "letsencrypt",
                                                        "certbot",
                                                        "git",
                                                        "cron",
                                                        "openssh-server",
                                                        "openssh-client",
                                                        "curl",
                                                        "tzdata",
                                                        "logrotate",
                                                        "virtualenv",
                                                        "systemd-timesyncd",
                                                        "tandem",
                                                        "dnsutils",
                                                        "postgresql-client"};

bool brings_its_own(const PackageFound& package) {
  if (package.automatic || (package.priority != "optional" && package.priority != "extra")) return true;
  for (const std::string_view section :
       {"libs", "oldlibs", "kernel", "libdevel", "introspection", "metapackages", "perl"})
    if (package.section == section || package.section.ends_with("/" + std::string(section))) return true;
  for (const std::string_view start :
       {"linux-", "grub", "firmware-", "systemd", "postgresql-", "dbus", "init-system", "iproute2", "ca-certificates",
        "shim-", "usrmerge", "openssl", "os-prober", "busybox"})
    if (package.name.starts_with(start)) return true;
  return std::ranges::find(own_packages, package.name) != own_packages.end();
}

void draft_packages(Draft& draft, const Found& found) {
  for (const auto& package : found.packages) {
    if (brings_its_own(package)) continue;
    if (package.name == "dnsutils" || !config::is_package(package.name)) continue;
    draft.pair.host.packages.push_back(package.name);
  }
}

void draft_time(Draft& draft, const Found& found) {
  constexpr std::string_view zones = "/usr/share/zoneinfo/";
  std::string zone;
  if (const auto* text = found.file("/etc/timezone")) zone = trim(*text);
  // The link is what programs follow.
  if (const auto link = found.links.find("/etc/localtime"); link != found.links.end())
    if (const auto at = link->second.find(zones); at != std::string::npos)
      zone = link->second.substr(at + zones.size());
  if (config::is_timezone(zone))
    draft.pair.host.timezone = zone;
  else
    draft.cannot_tell("/etc/localtime", 0, "the time zone; [host] timezone stays Etc/UTC");
  if (const auto* text = found.file("/etc/systemd/timesyncd.conf"))
    if (const auto ini = parse_ini(*text); const auto* line = ini.last("Time", "NTP"))
      for (const auto& server : split(line->value, ' '))
        if (config::is_host(server)) draft.pair.host.time_servers.push_back(server);
}

// exim4's own file: NAME='VALUE' lines.
std::string exim_value(const std::string& text, const std::string& name) {
  for (const auto& line : lines_of(text))
    if (line.starts_with(name + "=")) return replace_all(line.substr(name.size() + 1), "'", "");
  return {};
}

void draft_mail(Draft& draft, const Found& found) {
  constexpr auto* path = "/etc/exim4/update-exim4.conf.conf";
  const auto* text = found.file(path);
  if (text == nullptr) return;
  const auto kind = exim_value(*text, "dc_eximconfig_configtype");
  std::string mail;
  if (kind == "internet") mail = "internet";
  if (kind == "local") mail = "local";
  if (kind == "smarthost" || kind == "satellite")
    mail = "smarthost " + replace_all(exim_value(*text, "dc_smarthost"), "::", ":");
  if (config::is_mail_route(mail))
    draft.pair.host.mail = mail;
  else
    draft.cannot_tell(path, 0, "how exim4 sends mail (" + kind + "); it stays as it is");
}

void draft_administrator(Draft& draft, const Found& found) {
  std::string address;
  if (const auto* aliases = found.file("/etc/aliases"))
    for (const auto& line : lines_of(*aliases))
      if (line.starts_with("root:")) address = trim(std::string_view(line).substr(5));
  if (!config::is_mail(address))
    if (const auto* name = found.file("/etc/mailname")) address = "root@" + std::string(trim(*name));
  draft.pair.admin_mail = config::is_mail(address) ? address : std::string();
}

void draft_memcached(Draft& draft, const Found& found) {
  const auto* text = found.file("/etc/memcached.conf");
  if (text == nullptr || !found.has_package("memcached")) return;
  std::int64_t megabytes = 64;
  for (const auto& line : lines_of(*text)) {
    if (line.starts_with("-m ")) megabytes = to_number(trim(std::string_view(line).substr(3))).value_or(megabytes);
    if (line.starts_with("-l ") && !line.contains("127.0.0.1") && !line.contains("::1"))
      draft.cannot_tell("/etc/memcached.conf", 0,
                        "memcached listens on more than the loopback addresses; tandem's does not");
  }
  if (megabytes > 0 && megabytes <= 1 << 20) draft.pair.cache.memcached = static_cast<model::Bytes>(megabytes) << 20U;
}

// Redis writes "100mb", "100m" (a thousand thousands) or bytes.
std::optional<model::Bytes> redis_size(std::string_view text) {
  std::string unit;
  std::string digits;
  for (const char letter : text)
    if (config::is_digit(letter) && unit.empty())
      digits += letter;
    else
      unit += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  const auto number = to_number(digits);
  if (!number || *number > (1LL << 40U)) return std::nullopt;
  const std::map<std::string, model::Bytes> units{{"", 1},           {"k", 1000},
                                                  {"kb", 1U << 10U}, {"m", 1000 * 1000},
                                                  {"mb", 1U << 20U}, {"g", 1000 * 1000 * 1000},
                                                  {"gb", 1U << 30U}};
  const auto found = units.find(unit);
  if (found == units.end()) return std::nullopt;
  return static_cast<model::Bytes>(*number) * found->second;
}

void draft_redis(Draft& draft, const Found& found) {
  constexpr auto* path = "/etc/redis/redis.conf";
  const auto* text = found.file(path);
  if (text == nullptr || !found.has_package("redis-server")) return;
  std::size_t number = 0;
  for (const auto& line : lines_of(*text)) {
    ++number;
    if (!line.starts_with("maxmemory ")) continue;
    const auto size = redis_size(trim(std::string_view(line).substr(10)));
    const auto megabytes = size ? *size >> 20U : 0;
    if (megabytes >= 1 && megabytes <= 1U << 20U)
      draft.pair.cache.redis = megabytes << 20U; // whole ones
    else
      draft.cannot_tell(path, number, "\"" + line + "\"; [cache] redis stays 64MB");
  }
}

void draft_sshd(Draft& draft, const Found& found) {
  constexpr auto* path = "/etc/ssh/sshd_config";
  const auto* text = found.file(path);
  if (text == nullptr) return;
  std::size_t number = 0;
  for (const auto& line : lines_of(*text)) {
    ++number;
    if (line.starts_with("Match "))
      draft.cannot_tell(path, number,
                        "\"" + line +
                            "\": it stays beside what tandem says to sshd; users of SFTP alone are sftp_only");
  }
}

} // namespace

void Draft::cannot_tell(std::string file, std::size_t line, std::string text) {
  strange.push_back({std::move(file), line, std::move(text)});
}

void Draft::replaces(std::string file, std::size_t line, std::string text) {
  replaced.push_back({std::move(file), line, std::move(text)});
}

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  return path;
}

void draft_host(Draft& draft, const Found& found) {
  draft_administrator(draft, found);
  draft_time(draft, found);
  draft_packages(draft, found);
  draft_mail(draft, found);
  draft_memcached(draft, found);
  draft_redis(draft, found);
  draft_sshd(draft, found);
}

} // namespace tandem::adopt
