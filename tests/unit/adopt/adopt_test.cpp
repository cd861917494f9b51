// What was read on a server made by hand -> tandem.toml and what is to be told of it.
#include "adopt/adopt.hpp"
#include "adopt/toml.hpp"
#include "base/text.hpp"
#include "config/load.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace tandem::adopt {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto* ini_path = "/etc/uwsgi/sites/shop.test.ini";
constexpr auto* nginx_path = "/etc/nginx/sites-enabled/shop";

// A primary along the description, with the later habits.
Found server_by_hand() {
  Found found;
  found.machine = {.host_name = "uno.example.org", .addresses = {"192.0.2.11"}, .boot_id = "b"};
  found.accounts.users = {{"root", 0, 0, "/root", "/bin/bash"},
                          {"nikolays", 1001, 1001, "/home/nikolays", "/bin/bash"},
                          {"andrey", 1000, 1000, "/home/andrey", "/bin/bash"},
                          {"import1c", 1002, 1002, "/home/import1c", "/bin/false"}};
  found.accounts.groups = {{"root", 0, {}},
                           {"andrey", 1000, {}},
                           {"nikolays", 1001, {}},
                           {"sftponly", 1002, {}},
                           {"www-data", 33, {"andrey", "nikolays"}},
                           {"sudo", 27, {"andrey"}}};
  found.files = {
      {"/etc/aliases", "root: ops@example.org\n"},
      {"/etc/hosts", "127.0.0.1 localhost\n192.0.2.12 duo.example.org duo\n"},
      {"/etc/sudoers.d/people", "andrey ALL=(ALL:ALL) NOPASSWD: ALL\n"},
      {"/etc/cron.daily/ntpdate", "!#/bin/sh\n/usr/sbin/ntpdate -u ru.pool.ntp.org\n"},
      {"/etc/postgresql/15/main/pg_hba.conf",
       "local all postgres peer\nlocal all all peer\nhost all all 127.0.0.1/32 scram-sha-256\n"
       "host     replication     replicator      192.0.2.12/32       md5\n"},
      {"/etc/systemd/system/uwsgi@.service", "[Service]\nExecStart=/usr/bin/uwsgi --ini /etc/uwsgi/sites/%i.ini\n"},
      {ini_path, "[uwsgi]\nbase = /www/%n\nchdir = %(base)\nvirtualenv = %(base)/env\nmodule = shop.wsgi\n"
                 "uid = nikolays\nsocket = /run/shop.sock\nworkers = 4\nthreads = 2\nharakiri = 40\n"
                 "buffer-size = 8192\nenv = SHOP_SECRET_KEY=wo\"rd\nenv = DJANGO_SETTINGS_MODULE=shop.settings\n"},
      {nginx_path, "server {\n listen 80;\n server_name shop.test www.shop.test;\n"
                   " return 301 https://shop.test$request_uri;\n}\n"
                   "server {\n listen 443 ssl;\n server_name shop.test;\n"
                   " ssl_certificate /etc/letsencrypt/live/shop.test/fullchain.pem;\n client_max_body_size 64m;\n"
                   " location /static { alias /www/shop.test/static; }\n"
                   " location / { include uwsgi_params; uwsgi_pass unix:///run/shop.sock; }\n}\n"},
      {"/www/shop.test/shop/settings.py", "DATABASES = {'default': {'NAME': 'sworld'}}\n"},
      {"/var/spool/cron/crontabs/nikolays", "5 4 * * * cd /www/shop.test && env/bin/python manage.py feeds\n"},
      {"/etc/cron.d/www", "0 * * * * root rsync -a --exclude=/cache/ /www/ duo:/www/\n"},
  };
  found.links = {{"/etc/localtime", "/usr/share/zoneinfo/Europe/Moscow"}};
  found.services = {{"uwsgi@shop.test.service", "/etc/systemd/system/uwsgi@.service", "shop.test"}};
  found.clusters = {"/etc/postgresql/15/main"};
  found.postgres = {.answers = true,
                    .standby = false,
                    .databases = {{"sworld", "nikolays", {"pg_trgm"}}},
                    .settings = {{"shared_buffers", "256MB", "/etc/postgresql/15/main/postgresql.conf", 7},
                                 {"max_connections", "100", "/etc/postgresql/15/main/postgresql.conf", 8},
                                 {"wal_level", "replica", "/etc/postgresql/15/main/postgresql.conf", 9}},
                    .roles_with_password = {}};
  found.packages = {{"htop", "optional", "utils", false},
                    {"libc6", "optional", "libs", false},
                    {"nginx", "optional", "httpd", false},
                    {"perl", "standard", "perl", false}};
  found.copies = {{.folder = "/www/shop.test",
                   .owner = "andrey",
                   .is_git = true,
                   .repo = "git@github.com:somebody/shop.git",
                   .branch = "janome",
                   .tracked = {"manage.py", "shop"},
                   .folders = {{".git", "andrey", "andrey"},
                               {"env", "andrey", "andrey"},
                               {"logs", "nikolays", "www-data"},
                               {"media", "andrey", "andrey"},
                               {"shop", "andrey", "andrey"},
                               {"static", "nikolays", "www-data"}},
                   .host_keys = {"github.com ssh-ed25519 "
                                 "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"},
                   .settings = {"/www/shop.test/shop/settings.py"},
                   .has_environment = true,
                   .has_requirements = true}};
  found.is_primary = true;
  return found;
}

Adopted adopted(const Found& found, const Wishes& wishes = {}) {
  const auto result = adopt(found, wishes);
  EXPECT_TRUE(result) << result.error().message;
  return result.value_or(Adopted{});
}

std::string all_of(const std::vector<Remark>& remarks) {
  std::string text;
  for (const auto& remark : remarks)
    text += format(remark) + "\n";
  return text;
}

} // namespace

TEST(AdoptTest, WhatIsUnderstoodStandsInTheFile) {
  const auto result = adopted(server_by_hand());
  const auto& pair = result.pair;
  EXPECT_EQ(pair.admin_mail, "ops@example.org");
  EXPECT_EQ(pair.host.timezone, "Europe/Moscow");
  EXPECT_THAT(pair.host.time_servers, ElementsAre("ru.pool.ntp.org"));
  EXPECT_THAT(pair.host.packages, ElementsAre("htop"));
  ASSERT_EQ(pair.servers.size(), 2U);
  EXPECT_EQ(pair.servers[0].name, "uno");
  EXPECT_EQ(pair.servers[1].name, "duo");
  EXPECT_EQ(pair.servers[1].address, "192.0.2.12");
  ASSERT_EQ(pair.users.size(), 2U) << "import1c has neither a key nor a password that could be read";
  EXPECT_EQ(pair.users[0].name, "andrey") << "in the order of their numbers";
  EXPECT_TRUE(pair.users[0].sudo_nopasswd);
  EXPECT_THAT(pair.users[0].groups, ElementsAre("www-data", "sudo"));
  EXPECT_EQ(pair.database.settings, (std::map<std::string, std::string>{{"shared_buffers", "256MB"}}));
  EXPECT_THAT(pair.files.exclude, Contains("/cache/"));
  EXPECT_EQ(pair.certificates.acme, "https://acme-v02.api.letsencrypt.org/directory");
  ASSERT_EQ(pair.sites.size(), 1U) << all_of(result.strange);
  const auto& site = pair.sites[0];
  EXPECT_EQ(site.domain, "shop.test");
  EXPECT_THAT(site.aliases, ElementsAre("www.shop.test"));
  EXPECT_EQ(site.branch, "janome");
  EXPECT_EQ(site.owner, "nikolays");
  EXPECT_EQ(site.wsgi, "shop.wsgi:application");
  EXPECT_EQ(site.environment, (std::map<std::string, std::string>{{"DJANGO_SETTINGS_MODULE", "shop.settings"}}));
  EXPECT_EQ(site.serve, (std::map<std::string, std::string>{{"/static/", "static"}}));
  EXPECT_EQ(site.max_body, model::Bytes{64} << 20U);
  EXPECT_EQ(site.uwsgi.processes, 4U);
  EXPECT_EQ(site.uwsgi.harakiri, model::Seconds(40));
  EXPECT_EQ(site.uwsgi.settings, (std::map<std::string, std::string>{{"buffer-size", "8192"}}));
  ASSERT_TRUE(site.database);
  EXPECT_EQ(*site.database, (model::SiteDatabase{"sworld", "nikolays", {"pg_trgm"}}));
  ASSERT_EQ(site.jobs.size(), 1U);
  EXPECT_EQ(site.jobs[0], (model::Job{"feeds", "*-*-* 04:05:00", "python manage.py feeds"}));
  std::vector<std::string> folders;
  for (const auto& folder : site.folders)
    folders.push_back(folder.name + (folder.owner ? " of " + *folder.owner : "") + (folder.replicate ? "" : " here"));
  EXPECT_THAT(folders, ElementsAre("logs here", "media of andrey", "static"));
}

TEST(AdoptTest, ASecretIsInAFileOfItsOwn) {
  const auto result = adopted(server_by_hand());
  EXPECT_THAT(result.toml, Not(HasSubstr("SHOP_SECRET_KEY")));
  EXPECT_EQ(result.secrets.at("secrets/shop.test.env"), "SHOP_SECRET_KEY=\"wo\\\"rd\"\n");
}

TEST(AdoptTest, WhatTandemTakesOverIsListedApart) {
  const auto text = all_of(adopted(server_by_hand()).replaced);
  for (const auto* part : {"/etc/cron.d/www:1: the comparison", "/etc/cron.daily/ntpdate: ",
                           "nikolays:1: the job feeds", "uwsgi@shop.test.service", "/etc/nginx/sites-enabled/shop: "})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(AdoptTest, WhatIsNotUnderstoodIsListedWithFileAndLine) {
  auto found = server_by_hand();
  found.files[nginx_path] += "server { server_name other.test; proxy_pass x; }\nserver { listen 80;\n";
  found.files[ini_path] += "attach-daemon = %(base)/x\nspooler-import = tasks\n[other]\nx = y\n";
  found.files["/etc/cron.d/www"] += "1 2 3 * 5 root /usr/local/bin/thing | mail x\n";
  found.files["/etc/systemd/system/bot.service"] = "[Service]\n\nExecStart=/opt/bot/run\n";
  found.services.push_back({"bot.service", "/etc/systemd/system/bot.service", ""});
  found.copies[0].changed = {" M shop/urls.py"};
  found.copies.push_back({.folder = "/www/notes", .owner = "andrey"});
  found.postgres.databases.push_back({"old", "andrey", {}});
  found.files["/etc/postgresql/15/main/pg_hba.conf"] += "host sworld nikolays 192.0.2.0/24 md5\n";
  const auto result = adopted(found);
  const auto text = all_of(result.strange);
  for (const auto* part :
       {"/etc/nginx/sites-enabled/shop:14: a server of nginx that leads to none", "shop:16: what nginx would not read",
        "[other] x: only [uwsgi] is read", "/etc/cron.d/www:2: \"1 2 3 * 5 /usr/local/bin/thing | mail x\"",
        "bot.service:3: the service bot.service",
        "/www/shop.test: not committed, so no release would have it:  M shop/urls.py", "/www/notes: no application",
        "the database old", "pg_hba.conf:5: \"host sworld nikolays", "the user import1c", "give the site a deploy_key",
        "deploy_steps"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_EQ(result.pair.sites[0].uwsgi.settings.at("spooler-import"), "tasks");
}

TEST(AdoptTest, ASiteThatLacksSomethingIsLeftOutAndSaysWhat) {
  const auto without = [](const std::function<void(Found&)>& change, const std::string& why) {
    auto found = server_by_hand();
    change(found);
    const auto result = adopted(found);
    EXPECT_THAT(result.pair.sites, IsEmpty()) << why;
    EXPECT_THAT(all_of(result.strange), HasSubstr(why));
    EXPECT_THAT(result.secrets, IsEmpty());
  };
  without([](Found& found) { found.copies[0].is_git = false; }, "no working copy of git");
  without([](Found& found) { found.copies[0].repo = "https://me:word@example.org/x.git"; }, "has a password in it");
  without([](Found& found) { found.copies[0].host_keys.clear(); }, "the key of github.com");
  without([](Found& found) { found.files[ini_path] += "uid = www-data\n"; }, "runs as \"www-data\"");
  without([](Found& found) { found.files.erase(nginx_path); }, "no server of nginx leads to it");
  without([](Found& found) { found.files[ini_path] += "module = a b\n"; }, "names no module");
}

// Debian's own service starts what lies in apps-enabled, and brings the socket; nginx reaches it by an upstream.
TEST(AdoptTest, AnApplicationOfDebiansServiceAndAnUpstream) {
  auto found = server_by_hand();
  found.services.clear();
  found.files["/etc/uwsgi/apps-enabled/shop.ini"] =
      "[uwsgi]\nchdir = /www/shop.test/\nwsgi-file = /www/shop.test/shop/wsgi.py\ncallable = app\nuid = nikolays\n"
      "processes = 2\n";
  found.files[nginx_path] = "upstream shop { server unix:///run/uwsgi/app/shop/socket; }\n"
                            "server { listen 443 ssl; server_name shop.test;\n"
                            " location ^~ /media/ { root /www/shop.test; add_header A b; }\n"
                            " location / { try_files $uri @app; }\n"
                            " location @app { include uwsgi_params; uwsgi_pass shop; }\n"
                            " location ~ \\.php$ { return 404; } }\n";
  const auto result = adopted(found);
  ASSERT_EQ(result.pair.sites.size(), 1U) << all_of(result.strange);
  const auto& site = result.pair.sites[0];
  EXPECT_EQ(site.wsgi, "shop.wsgi:app");
  EXPECT_EQ(site.serve, (std::map<std::string, std::string>{{"/media/", "media"}}));
  const auto text = all_of(result.strange);
  for (const auto* part : {"shop:3: nginx's \"add_header A b\"", "shop:4: nginx's \"try_files $uri @app\"",
                           "shop:6: nginx's \"location ~ \\.php$\" and its block"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_THAT(all_of(result.replaced), HasSubstr("its unit is uwsgi.service"));
}

TEST(AdoptTest, AnEmperorsVassalsAndAServicesOwnWords) {
  auto found = server_by_hand();
  const auto ini = found.files.at(ini_path);
  found.files["/srv/vassals/shop.test.ini"] = ini;
  found.files["/etc/systemd/system/emperor.service"] = "[Service]\nExecStart=/usr/bin/uwsgi --emperor /srv/vassals\n";
  found.services = {{"emperor.service", "/etc/systemd/system/emperor.service", ""}};
  EXPECT_EQ(adopted(found).pair.sites.size(), 1U);

  found.files["/etc/systemd/system/emperor.service"] =
      "[Service]\nUser=nikolays\nWorkingDirectory=/www/shop.test\n"
      "ExecStart=/usr/bin/uwsgi --socket /run/shop.sock --module=shop.wsgi --master --processes 5\n";
  const auto words = adopted(found);
  ASSERT_EQ(words.pair.sites.size(), 1U) << all_of(words.strange);
  EXPECT_EQ(words.pair.sites[0].owner, "nikolays");
  EXPECT_EQ(words.pair.sites[0].wsgi, "shop.wsgi:application");
  EXPECT_EQ(words.pair.sites[0].uwsgi.processes, 5U);
}

TEST(AdoptTest, CeleryMultiAndABeatOfItsOwn) {
  auto found = server_by_hand();
  found.files["/etc/systemd/system/celery.service"] =
      "[Service]\nWorkingDirectory=/www/shop.test\nEnvironment=NODES=\"fast slow\" APP=shop\n"
      "ExecStart=/www/shop.test/env/bin/celery multi start $NODES -A ${APP} -Q default --concurrency=4\n";
  found.files["/etc/systemd/system/celerybeat.service"] =
      "[Service]\nWorkingDirectory=/www/shop.test\nExecStart=/www/shop.test/env/bin/celery --app=shop beat\n";
  found.services.push_back({"celery.service", "/etc/systemd/system/celery.service", ""});
  found.services.push_back({"celerybeat.service", "/etc/systemd/system/celerybeat.service", ""});
  const auto result = adopted(found);
  ASSERT_TRUE(result.pair.sites.at(0).celery) << all_of(result.strange);
  const auto& celery = *result.pair.sites[0].celery;
  EXPECT_TRUE(celery.beat);
  ASSERT_EQ(celery.workers.size(), 2U);
  EXPECT_EQ(celery.workers[0], (model::CeleryWorker{"fast", {"default"}, 4}));
  EXPECT_EQ(celery.workers[1], (model::CeleryWorker{"slow", {"default"}, 4}));
}

TEST(AdoptTest, CeleryOfAnInstanceWithAFileOfVariables) {
  auto found = server_by_hand();
  found.files["/etc/systemd/system/celery@.service"] =
      "[Service]\nUser=nikolays\nWorkingDirectory=/www/%i\nEnvironmentFile=-/etc/default/celery\n"
      "ExecStart=/www/%i/env/bin/celery -A ${APP} worker -Q mail,default $MORE\n";
  found.files["/etc/default/celery"] = "APP=shop\nMORE=\"-c 3 -B\"\n";
  found.services.push_back({"celery@shop.test.service", "/etc/systemd/system/celery@.service", "shop.test"});
  const auto result = adopted(found);
  ASSERT_TRUE(result.pair.sites.at(0).celery) << all_of(result.strange);
  const auto& celery = *result.pair.sites[0].celery;
  EXPECT_EQ(celery.app, "shop");
  EXPECT_TRUE(celery.beat);
  ASSERT_EQ(celery.workers.size(), 1U);
  EXPECT_EQ(celery.workers[0], (model::CeleryWorker{"mail", {"mail", "default"}, 3}));
}

TEST(AdoptTest, TheOtherServerCanBeSaid) {
  auto found = server_by_hand();
  const auto said = adopted(found, {.standby_name = "tre", .standby_address = "192.0.2.13"});
  EXPECT_EQ(said.pair.servers.at(1).name, "tre");
  found.files["/etc/postgresql/15/main/pg_hba.conf"] = "";
  found.files.erase("/etc/cron.d/www");
  const auto alone = adopted(found);
  EXPECT_EQ(alone.pair.servers.size(), 1U);
  EXPECT_THAT(all_of(alone.strange), HasSubstr("--standby NAME=ADDRESS"));
  EXPECT_EQ(adopt(found, {.standby_name = "Tre", .standby_address = "192.0.2.13"}).error().kind, ErrorKind::invalid);
}

TEST(AdoptTest, AStandbyAndAServerOfTandemsAreRefused) {
  auto found = server_by_hand();
  found.postgres.standby = true;
  EXPECT_EQ(adopt(found, {}).error().kind, ErrorKind::refused);
  found = server_by_hand();
  found.has_pair = true;
  EXPECT_EQ(adopt(found, {}).error().kind, ErrorKind::refused);
}

TEST(AdoptTest, ABareServerMakesAFileToo) {
  Found found;
  found.machine = {.host_name = "uno", .addresses = {"192.0.2.11"}, .boot_id = "b"};
  const auto result = adopted(found);
  EXPECT_THAT(result.toml, HasSubstr("admin_mail = \"root@nobody.invalid\""));
  EXPECT_THAT(all_of(result.strange), HasSubstr("write admin_mail"));
}

// What is written is what was meant: config reads the same pair.
TEST(AdoptTest, TheFileSaysWhatWasFound) {
  const auto result = adopted(server_by_hand());
  const auto loaded = config::load({"/etc/tandem/tandem.toml", result.toml},
                                   [](const std::string&) { return config::SecretFound(std::nullopt); });
  ASSERT_TRUE(loaded.pair) << config::format(loaded.problems);
  auto pair = *loaded.pair;
  pair.sites[0].environment_file->path = pair.sites[0].environment_file->text;
  EXPECT_EQ(pair, result.pair);
}

TEST(AdoptTest, TheContractsOwnFileComesBack) {
  std::ifstream file(std::string(TANDEM_SOURCE_DIR) + "/tests/unit/config/good/built.toml");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const config::SecretReader secret = [](const std::string&) { return config::SecretFound(std::nullopt); };
  const auto first = config::load({"/etc/tandem/tandem.toml", text}, secret);
  ASSERT_TRUE(first.pair) << config::format(first.problems);
  auto pair = *first.pair;
  // Not for adopt to find: what a pair decides for itself.
  pair.dns = {};
  pair.role = {};
  pair.logs = {};
  pair.alerts = {};
  pair.certificates = {.acme = pair.certificates.acme};
  pair.files.deletion_guard = model::Files().deletion_guard;
  const auto second = config::load({"/etc/tandem/tandem.toml", to_toml(pair)}, secret);
  ASSERT_TRUE(second.pair) << config::format(second.problems) << to_toml(pair);
  EXPECT_EQ(*second.pair, pair) << to_toml(pair);
}

// ---- what must not become wider than it was

TEST(AdoptTest, APasswordOfALocationAndItsLimitAreTaken) {
  auto found = server_by_hand();
  found.files[nginx_path] = replace_all(
      found.files[nginx_path], "location / { include",
      "location / { auth_basic shop; auth_basic_user_file /etc/nginx/passwords; client_max_body_size 80m; include");
  const auto result = adopted(found);
  ASSERT_TRUE(result.pair.sites.at(0).basic_auth);
  EXPECT_EQ(result.pair.sites[0].basic_auth->path, "/etc/nginx/passwords");
  EXPECT_EQ(result.pair.sites[0].max_body, model::Bytes{80} << 20U);
}

TEST(AdoptTest, AServerThatListensOnOneAddressIsTold) {
  auto found = server_by_hand();
  found.files[nginx_path] = replace_all(found.files[nginx_path], "listen 443 ssl", "listen 10.0.0.1:443 ssl");
  EXPECT_THAT(all_of(adopted(found).strange), HasSubstr("it listens on 10.0.0.1:443 alone"));
  for (const auto* usual : {"listen *:443 ssl", "listen [::]:443 ssl", "listen 0.0.0.0:443 ssl"}) {
    auto wide = server_by_hand();
    wide.files[nginx_path] = replace_all(wide.files[nginx_path], "listen 443 ssl", usual);
    EXPECT_THAT(all_of(adopted(wide).strange), Not(HasSubstr("it listens on"))) << usual;
  }
}

TEST(AdoptTest, SudoAsAnotherThanRootIsNotSudoAsRoot) {
  for (const auto* line : {"andrey ALL=(postgres) NOPASSWD: ALL\n", "%www-data ALL=(www-data) NOPASSWD: ALL\n"}) {
    auto found = server_by_hand();
    found.files["/etc/sudoers.d/people"] = line;
    const auto result = adopted(found);
    for (const auto& user : result.pair.users)
      EXPECT_FALSE(user.sudo_nopasswd) << line << user.name;
    EXPECT_THAT(all_of(result.strange), HasSubstr("NOPASSWD: ALL\": it stays as it is"));
  }
}

TEST(AdoptTest, RsyncToAPlaceForBackupsGoesOn) {
  auto found = server_by_hand();
  found.files["/etc/cron.d/backup"] =
      "30 2 * * * root rsync -a --exclude=/media /www/ backup@store.example.net:/www/\n";
  const auto result = adopted(found);
  EXPECT_THAT(all_of(result.strange), HasSubstr("rsync to store.example.net, which stays as it is"));
  EXPECT_THAT(result.pair.files.exclude, Not(Contains("/media")));
  EXPECT_EQ(result.pair.servers.size(), 2U);
  EXPECT_EQ(result.pair.servers.at(1).name, "duo");
  ASSERT_EQ(result.by_hand.cron.size(), 1U);
  EXPECT_EQ(result.by_hand.cron[0].file, "/etc/cron.d/www");
}

TEST(AdoptTest, RsyncIsNotTakenForTheComparisonWhereNothingSaysWhoTheOtherServerIs) {
  auto found = server_by_hand();
  found.files["/etc/postgresql/15/main/pg_hba.conf"] = "local all all peer\n";
  const auto result = adopted(found);
  EXPECT_TRUE(result.by_hand.cron.empty()) << "an apply would end it, and it may be a backup";
  EXPECT_THAT(result.pair.files.exclude, Not(Contains("/cache/")));
  EXPECT_EQ(result.pair.servers.size(), 1U);
  EXPECT_THAT(all_of(result.strange), HasSubstr("say it with --standby"));
  const auto said = adopted(found, {.standby_name = "duo", .standby_address = "192.0.2.12"});
  EXPECT_EQ(said.by_hand.cron.size(), 1U);
  EXPECT_THAT(said.pair.files.exclude, Contains("/cache/"));
}

TEST(AdoptTest, APasswordInAnAddressIsASecret) {
  auto found = server_by_hand();
  found.files[ini_path] += "env = DATABASE_URL=postgres://shop:pass-word@localhost/sworld\nenv = smtp_pwd=pass-word\n"
                           "env = SHOP_URL=https://shop.test/\n";
  const auto result = adopted(found);
  EXPECT_THAT(result.toml, Not(HasSubstr("pass-word")));
  EXPECT_THAT(result.secrets.at("secrets/shop.test.env"), HasSubstr("DATABASE_URL="));
  EXPECT_THAT(result.secrets.at("secrets/shop.test.env"), HasSubstr("smtp_pwd="));
  found.files[ini_path] += "attach-daemon = feeds --password=pass-word\n";
  const auto daemon = adopted(found);
  EXPECT_THAT(daemon.toml, Not(HasSubstr("pass-word")));
  EXPECT_THAT(all_of(daemon.strange), HasSubstr("attach-daemon"));
  EXPECT_THAT(all_of(daemon.strange), Not(HasSubstr("pass-word")));
  EXPECT_EQ(result.pair.sites.at(0).environment.at("SHOP_URL"), "https://shop.test/");
}

TEST(AdoptTest, WhatServesASiteIsWrittenDown) {
  const auto result = adopted(server_by_hand());
  ASSERT_EQ(result.by_hand.sites.size(), 1U);
  const auto& site = result.by_hand.sites[0];
  EXPECT_EQ(site.socket, "/run/shop.sock");
  EXPECT_EQ(site.unit, "uwsgi@shop.test.service");
  EXPECT_THAT(site.nginx, ElementsAre(nginx_path));
  ASSERT_EQ(site.cron.size(), 1U);
  EXPECT_EQ(site.cron[0].line, "5 4 * * * cd /www/shop.test && env/bin/python manage.py feeds");
}

TEST(AdoptTest, AFileOfNginxThatServesOthersAsWellKeepsASiteFromGoingOn) {
  auto found = server_by_hand();
  found.files[nginx_path] += "server {\n listen 80;\n server_name other.test;\n root /srv/other;\n}\n";
  const auto result = adopted(found);
  EXPECT_EQ(result.by_hand.sites.at(0).socket, "");
  EXPECT_THAT(all_of(result.strange), HasSubstr("the file has servers of others as well"));
}

} // namespace tandem::adopt
