// layer: adopt
// Whatever stands in the files of a server made by hand, the parsers name lines that are there, and what adopt makes of
// it is a tandem.toml that tandem takes, or none.
#include "adopt/adopt.hpp"
#include "adopt/crontab.hpp"
#include "adopt/ini_file.hpp"
#include "adopt/nginx_file.hpp"
#include "base/text.hpp"
#include "config/syntax.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace tandem;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_block(const std::vector<adopt::Directive>& block, std::size_t lines) {
  for (const auto& directive : block) {
    require(!directive.name.empty() && directive.line >= 1 && directive.line <= lines);
    check_block(directive.block, lines);
  }
}

void check_parsers(const std::string& text) {
  const auto lines = lines_of(text).size() + 1;
  const auto nginx = adopt::parse_nginx(text);
  require(nginx.mistake <= lines);
  check_block(nginx.directives, lines);
  for (const auto& line : adopt::parse_ini(text).lines)
    require(!line.key.empty() && line.line >= 1 && line.line <= lines);
  for (const bool with_user : {false, true})
    for (const auto& line : adopt::parse_crontab(text, with_user).lines) {
      require(!line.command.empty() && line.line >= 1 && line.line <= lines);
      (void)adopt::calendar_of(line.when);
      (void)adopt::job_command(line.command, "/www/shop.test");
    }
}

// One more server by hand: the parts of the input, between bytes 0xff, are its files.
adopt::Found server_of(const std::string& text) {
  constexpr const char* paths[] = {"/etc/nginx/sites-enabled/shop",
                                   "/etc/uwsgi/apps-enabled/shop.ini",
                                   "/etc/systemd/system/celery@.service",
                                   "/var/spool/cron/crontabs/nikolays",
                                   "/etc/postgresql/15/main/pg_hba.conf",
                                   "/etc/exim4/update-exim4.conf.conf",
                                   "/home/nikolays/.ssh/authorized_keys",
                                   "/etc/sudoers.d/people",
                                   "/etc/hosts",
                                   "/etc/redis/redis.conf",
                                   "/etc/cron.daily/ntpdate"};
  adopt::Found found;
  found.machine = {.host_name = "uno", .addresses = {"192.0.2.11"}, .boot_id = "b"};
  found.accounts.users = {{"nikolays", 1000, 1000, "/home/nikolays", "/bin/bash"}};
  found.accounts.groups = {{"nikolays", 1000, {}}};
  found.packages = {{"redis-server", "optional", "database", false}};
  found.services = {{"celery@shop.test.service", "/etc/systemd/system/celery@.service", "shop.test"}};
  found.clusters = {"/etc/postgresql/15/main"};
  found.postgres.answers = true;
  found.postgres.databases = {{"shop", "nikolays", {}}};
  found.copies = {{.folder = "/www/shop.test",
                   .owner = "nikolays",
                   .is_git = true,
                   .repo = "https://example.org/shop.git",
                   .branch = "main",
                   .folders = {{"media", "nikolays", "nikolays"}, {"static", "nikolays", "www-data"}}}};
  std::size_t number = 0;
  for (const auto& part : split(text, '\xff'))
    if (number < std::size(paths)) found.files[paths[number++]] = part;
  return found;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_parsers(text);
  const auto adopted = adopt::adopt(server_of(text), {});
  require(adopted || adopted.error().kind != ErrorKind::failed);
  if (!adopted) return 0;
  for (const auto* remarks : {&adopted->strange, &adopted->replaced})
    for (const auto& remark : *remarks)
      require(config::is_printable(adopt::format(remark)));
  return 0;
}
