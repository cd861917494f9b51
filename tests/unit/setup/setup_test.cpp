#include "base/text.hpp"
#include "converge/plan.hpp"
#include "setup/setup.hpp"
#include "view_of.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tandem::setup {

using testing::view_of;

namespace {

model::Pair shops() {
  model::Pair pair;
  pair.name = "shops";
  pair.admin_mail = "ops@example.org";
  pair.host.timezone = "Europe/Moscow";
  pair.host.packages = {"less"};
  pair.servers = {{"uno", "192.0.2.11", "2001:db8::11", "10.0.0.1"}, {"duo", "192.0.2.12", {}, "192.0.2.12"}};
  pair.users = {{.name = "andrey",
                 .uid = 1000,
                 .groups = {"sudo"},
                 .sudo_nopasswd = true,
                 .ssh_keys = {"ssh-ed25519 AAAA andrey"}},
                {.name = "nikolays", .uid = 1001, .groups = {"www-data"}}};
  pair.database.settings = {{"shared_buffers", "256MB"}};
  model::Site site;
  site.domain = "janome.club";
  site.aliases = {"www.janome.club"};
  site.owner = "nikolays";
  site.serve = {{"/media/", "media"}, {"/static/", "static"}};
  site.basic_auth = model::SecretFile{"htpasswd", "/etc/tandem/htpasswd"};
  site.webhook_secret_file = model::SecretFile{"webhook", "/etc/tandem/webhook"};
  site.database = model::SiteDatabase{"sworld", "sworld", {"pg_trgm"}};
  pair.sites = {site};
  return pair;
}

// All files as one readable text: what a review of a change to the generated configuration looks at.
std::string files_of(const Resources& resources) {
  std::string text;
  for (const auto& resource : resources)
    if (const auto* file = std::get_if<converge::File>(&resource.kind))
      text += fmt::format("==== {} {:04o} {}:{}{}\n{}", file->path, file->mode, file->owner, file->group,
                          file->secret ? " (secret)" : "", file->content);
  return text;
}

// TANDEM_ACCEPT=1 writes what is made as the new golden file; review it as a diff.
void expect_golden(const std::string& name, const std::string& made) {
  const auto path = std::string(TANDEM_SOURCE_DIR) + "/tests/unit/setup/golden/" + name;
  if (std::getenv("TANDEM_ACCEPT") != nullptr) std::ofstream(path) << made;
  std::ostringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(golden.str(), made) << "accept with TANDEM_ACCEPT=1";
}

std::vector<std::string> ids_of(const Resources& resources) {
  std::vector<std::string> ids;
  for (const auto& resource : resources)
    ids.push_back(converge::id_of(resource.kind));
  return ids;
}

bool has(const Resources& resources, const std::string& id) {
  const auto ids = ids_of(resources);
  return std::ranges::find(ids, id) != ids.end();
}

} // namespace

TEST(Setup, GeneratedFilesAreAsReviewed) {
  const auto pair = shops();
  expect_golden("primary.txt", files_of(resources(view_of(pair, "uno"))));
  expect_golden("standby.txt", files_of(resources(view_of(pair, "duo"))));
}

TEST(Setup, ResourcesCanBeOrderedForEveryRole) {
  const auto pair = shops();
  for (const auto* server : {"uno", "duo"}) {
    const auto ordered = converge::in_order(resources(view_of(pair, server)));
    EXPECT_TRUE(ordered) << ordered.error().message;
  }
}

TEST(Setup, WithoutASiteNginxIsNotToldOfTheGatesVariables) {
  auto pair = shops();
  pair.sites.clear();
  EXPECT_EQ(files_of(resources(view_of(pair, "uno"))).find("map "), std::string::npos);
}

TEST(Setup, TheMarkerIsOnThePrimaryOnly) {
  const auto pair = shops();
  EXPECT_TRUE(has(resources(view_of(pair, "uno")), "file /primary_server"));
  EXPECT_TRUE(has(resources(view_of(pair, "duo")), "absent /primary_server"));
}

TEST(Setup, DatabasesAreMadeOnThePrimaryOnly) {
  const auto pair = shops();
  EXPECT_TRUE(has(resources(view_of(pair, "uno")), "database sworld"));
  EXPECT_FALSE(has(resources(view_of(pair, "duo")), "database sworld"));
}

TEST(Setup, NothingThatServesStartsAtBoot) {
  const auto pair = shops();
  // Caches, and a queue whose writers start only when the role is known.
  const std::set<std::string> harmless = {"ssh.service", "tandem-firewall.service", "redis-server.service",
                                          "redis-server@queue.service"};
  for (const auto* server : {"uno", "duo"})
    for (const auto& resource : resources(view_of(pair, server)))
      if (const auto* unit = std::get_if<converge::Unit>(&resource.kind)) {
        EXPECT_FALSE(unit->enabled.value_or(false) && !harmless.contains(unit->name)) << unit->name;
      }
}

TEST(Setup, OnlyDebian12And13AreTaken) {
  EXPECT_EQ(release_of("ID=debian\nVERSION_ID=\"12\"\n")->postgres, 15);
  EXPECT_EQ(release_of("ID=debian\nVERSION_ID=\"13\"\n")->codename, "trixie");
  const auto other = release_of("PRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"\nID=debian\nVERSION_ID=\"11\"\n");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::refused);
  EXPECT_NE(other.error().message.find("Debian GNU/Linux 11"), std::string::npos);
}

TEST(Setup, UidsAreTheSameOnAllServersOrRefused) {
  model::Pair pair;
  pair.users = {{.name = "a"}, {.name = "b", .uid = 1000}, {.name = "c"}};
  system::AccountTable first;
  system::AccountTable second;
  first.users = {{"c", 1007, 1007, "", ""}};
  second.users = {{"other", 1001, 1001, "", ""}};
  const auto uids = assign_uids(pair, {first, second});
  ASSERT_TRUE(uids);
  EXPECT_EQ(*uids, (std::map<std::string, std::uint32_t>{{"a", 1002}, {"b", 1000}, {"c", 1007}}));
  second.groups = {{"shared", 1002, {}}};
  EXPECT_EQ(assign_uids(pair, {first, second})->at("a"), 1003U) << "a group of its own could not have that number";
  second.users.push_back({"c", 1008, 1008, "", ""});
  EXPECT_EQ(assign_uids(pair, {first, second}).error().message,
            "user c has uid 1007 on one server and 1008 on another");
}

TEST(Setup, GidsOfSharedGroupsAreTheSameOnAllServersOrRefused) {
  model::Pair pair;
  pair.users = {{.name = "a", .uid = 1000, .groups = {"sudo", "packers", "redis"}},
                {.name = "b", .uid = 1001, .primary_group = "sftponly", .groups = {"a", "packers"}}};
  const std::map<std::string, std::uint32_t> uids{{"a", 1000}, {"b", 1001}};
  system::AccountTable first;
  system::AccountTable second;
  first.groups = {{"a", 1000, {}}, {"redis", 110, {}}, {"sftponly", 1005, {}}};
  second.groups = {{"redis", 111, {}}, {"other", 1002, {}}};
  const auto gids = assign_gids(pair, uids, {first, second});
  ASSERT_TRUE(gids) << gids.error().message;
  EXPECT_EQ(*gids, (std::map<std::string, std::uint32_t>{{"packers", 1003}, {"sftponly", 1005}}))
      << "no user's own group, none of Debian's, none that a package numbers as it likes";
  second.groups.push_back({"sftponly", 1006, {}});
  EXPECT_EQ(assign_gids(pair, uids, {first, second}).error().message,
            "group sftponly has gid 1005 on one server and 1006 on another");
}

namespace {

const converge::File* file_at(const Resources& resources, const std::string& path) {
  for (const auto& resource : resources)
    if (const auto* file = std::get_if<converge::File>(&resource.kind); file != nullptr && file->path == path)
      return file;
  return nullptr;
}

constexpr auto* sshd_file = "/etc/ssh/sshd_config.d/00-tandem.conf";

} // namespace

TEST(Setup, AUserOfSftpAloneIsShutInItsHomeAndCannotGiveItselfKeys) {
  auto pair = shops();
  pair.users.push_back({.name = "import1c",
                        .uid = 1002,
                        .primary_group = "sftponly",
                        .ssh_keys = {"ssh-ed25519 AAAA importer"},
                        .sftp_only = true,
                        .password_file = model::SecretFile{"secrets/import1c", "/etc/tandem/secrets/import1c"},
                        .folders = {"import"}});
  auto view = view_of(pair, "duo");
  view.uids["import1c"] = 1002;
  view.gids["sftponly"] = 1005;
  view.secrets["/etc/tandem/secrets/import1c"] = "a word\n";
  const auto all = resources(view);
  for (const auto& resource : all) {
    if (const auto* user = std::get_if<converge::User>(&resource.kind); user != nullptr && user->name == "import1c") {
      EXPECT_EQ(user->shell, "/bin/false");
      EXPECT_EQ(user->groups.back(), "tandem-sftp");
      EXPECT_EQ(user->password, "a word");
    }
    if (const auto* group = std::get_if<converge::Group>(&resource.kind);
        group != nullptr && group->name == "sftponly") {
      EXPECT_EQ(group->gid, 1005U);
    }
    if (const auto* folder = std::get_if<converge::Folder>(&resource.kind))
      if (folder->path == "/home/import1c" || folder->path == "/home/import1c/.ssh") {
        EXPECT_EQ(folder->owner, "root");
        EXPECT_EQ(folder->mode, 0755U);
      }
  }
  ASSERT_NE(file_at(all, "/home/import1c/.ssh/authorized_keys"), nullptr);
  EXPECT_EQ(file_at(all, "/home/import1c/.ssh/authorized_keys")->owner, "root");
  ASSERT_NE(file_at(all, sshd_file), nullptr);
  const auto& text = file_at(all, sshd_file)->content;
  EXPECT_NE(text.find("Match User import1c\n    ChrootDirectory %h\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Match Group tandem-sftp User *,!andrey,!nikolays\n    ChrootDirectory %h\n"), std::string::npos)
      << text;
  pair.users.pop_back(); // its account stays, and so does what shuts it in
  const auto later = resources(view_of(pair, "uno"));
  ASSERT_NE(file_at(later, sshd_file), nullptr);
  EXPECT_NE(file_at(later, sshd_file)->content.find("Match Group tandem-sftp"), std::string::npos);
}

TEST(Setup, AllServersShowPartnersTheSameKeyAndNoPlanShowsIt) {
  const auto pair = shops();
  auto view = view_of(pair, "duo");
  view.host_keys = {{"/etc/ssh/ssh_host_ed25519_key", "secret"}, {"/etc/ssh/ssh_host_ed25519_key.pub", "open"}};
  const auto all = resources(view);
  const auto* key = file_at(all, "/etc/ssh/ssh_host_ed25519_key");
  ASSERT_NE(key, nullptr);
  EXPECT_TRUE(key->secret);
  EXPECT_EQ(key->mode, 0600U);
  EXPECT_EQ(file_at(all, "/etc/ssh/ssh_host_ed25519_key.pub")->mode, 0644U);
}

TEST(Setup, MailGoesTheWayOfTheFileAndIsLeftAloneWithoutOne) {
  auto pair = shops();
  pair.host.mail.clear();
  const auto* path = "/etc/exim4/update-exim4.conf.conf";
  EXPECT_EQ(file_at(resources(view_of(pair, "uno")), path), nullptr);
  const std::map<std::string, std::pair<std::string, std::string>> ways{
      {"internet", {"internet", ""}},
      {"local", {"local", ""}},
      {"smarthost mail.example.org", {"smarthost", "mail.example.org"}},
      {"smarthost mail.example.org:587", {"smarthost", "mail.example.org::587"}},
      {"smarthost 2001:db8::25", {"smarthost", "2001::db8::::25"}}};
  for (const auto& [way, expected] : ways) {
    pair.host.mail = way;
    const auto all = resources(view_of(pair, "uno"));
    ASSERT_NE(file_at(all, path), nullptr);
    const auto& text = file_at(all, path)->content;
    EXPECT_NE(text.find("dc_eximconfig_configtype='" + expected.first + "'\n"), std::string::npos) << text;
    EXPECT_NE(text.find("dc_smarthost='" + expected.second + "'\n"), std::string::npos) << text;
    EXPECT_NE(text.find("dc_local_interfaces='127.0.0.1 ; ::1'\n"), std::string::npos) << text;
  }
}

TEST(Setup, TheSitesOwnLogsAreRotatedAsTheirOwnerAndNoOthers) {
  auto pair = shops();
  const auto* rules = "/etc/logrotate.d/tandem-sites";
  EXPECT_EQ(file_at(resources(view_of(pair, "uno")), rules), nullptr);
  auto& site = pair.sites[0];
  site.folders = {{.name = "media"}, {.name = "var/logs"}, {.name = "log", .owner = "root"}};
  pair.logs = {.rotate = "weekly", .keep = 5};
  const auto all = resources(view_of(pair, "uno"));
  ASSERT_NE(file_at(all, rules), nullptr);
  const auto& text = file_at(all, rules)->content;
  EXPECT_NE(text.find("/www/.releases/" + site.domain + "/shared/var/logs/*.log {\n    weekly\n    rotate 5\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("    su " + site.owner + " www-data\n    create\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("/log/*.log"), std::string::npos) << "root would write where the site's owner may put links";
}

TEST(Setup, MemcachedIsAsLargeAsTheFileSaysAndLeftAloneWithoutAWord) {
  auto pair = shops();
  const auto* path = "/etc/memcached.conf";
  EXPECT_EQ(file_at(resources(view_of(pair, "uno")), path), nullptr);
  pair.cache.memcached = model::Bytes{256} << 20U;
  const auto all = resources(view_of(pair, "uno"));
  ASSERT_NE(file_at(all, path), nullptr);
  EXPECT_NE(file_at(all, path)->content.find("-m 256\n"), std::string::npos);
  EXPECT_NE(file_at(all, path)->content.find("-l 127.0.0.1\n-l ::1\n"), std::string::npos);
}

TEST(Setup, RedisHasACacheThatEvictsAndAQueueThatKeepsEverything) {
  auto pair = shops();
  pair.cache.redis = model::Bytes{96} << 20U;
  const auto all = resources(view_of(pair, "uno"));
  const auto* cache = file_at(all, "/etc/redis/redis.conf");
  const auto* queue = file_at(all, "/etc/redis/redis-queue.conf");
  ASSERT_NE(cache, nullptr);
  ASSERT_NE(queue, nullptr);
  EXPECT_NE(cache->content.find("port 6379\n"), std::string::npos);
  EXPECT_NE(cache->content.find("maxmemory 100663296\nmaxmemory-policy allkeys-lru\n"), std::string::npos);
  EXPECT_NE(queue->content.find("port 6380\n"), std::string::npos);
  EXPECT_NE(queue->content.find("maxmemory 0\nmaxmemory-policy noeviction\n"), std::string::npos);
  EXPECT_NE(queue->content.find("appendonly yes\nappendfsync always\n"), std::string::npos);
  EXPECT_EQ(queue->content, file_at(resources(view_of(pair, "duo")), "/etc/redis/redis-queue.conf")->content)
      << "the role is no setting of it";
}

TEST(Setup, WorkRunsOnThePrimaryAloneAndWhatHasLeftTheFileEnds) {
  const auto pair = shops();
  for (const auto* server : {"uno", "duo"}) {
    auto view = view_of(pair, server);
    view.work = {{.name = "tandem-job-a:new.service", .text = "[Service]\n"},
                 {.name = "tandem-job-a:new.timer", .text = "[Timer]\n", .by_role = true}};
    view.work_there = {"tandem-job-a:new.timer", "tandem-job-a:old.service", "tandem-job-a:old.timer"};
    std::map<std::string, std::optional<bool>> running;
    std::set<std::string> absent;
    for (const auto& resource : resources(view)) {
      if (const auto* unit = std::get_if<converge::Unit>(&resource.kind)) running[unit->name] = unit->running;
      if (const auto* none = std::get_if<converge::Absent>(&resource.kind)) absent.insert(none->path);
    }
    EXPECT_EQ(running["tandem-job-a:new.timer"], view.is_primary());
    EXPECT_EQ(running["tandem-job-a:old.timer"], false);
    EXPECT_TRUE(absent.contains("/etc/systemd/system/tandem-job-a:old.service"));
    EXPECT_TRUE(absent.contains("/etc/systemd/system/tandem-job-a:old.timer"));
    EXPECT_FALSE(absent.contains("/etc/systemd/system/tandem-job-a:new.timer"));
  }
}

TEST(Setup, TheFirewallLetsInWhereverSshdListensAndThePeersAlone) {
  auto pair = shops();
  auto view = view_of(pair, "uno");
  const auto* rules = "/etc/tandem/firewall.nft";
  EXPECT_EQ(file_at(resources(view), rules), nullptr);
  pair.host.firewall = true;
  view.ssh_ports = ssh_ports_in("port 2222\naddressfamily any\nlistenaddress [::]:2222 rdomain red\n",
                                "LISTEN 0 128 10.0.0.1:2200 0.0.0.0:* users:((\"sshd\",pid=4,fd=3))\n"
                                "LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:((\"nginx\",pid=5,fd=6))\n");
  const auto all = resources(view);
  ASSERT_NE(file_at(all, rules), nullptr);
  const auto& text = file_at(all, rules)->content;
  EXPECT_NE(text.find("tcp dport { 2200, 2222 } accept comment \"ssh\""), std::string::npos) << text;
  EXPECT_NE(text.find(pair.server("duo")->peer_address), std::string::npos) << text;
  EXPECT_EQ(text.find(pair.server("uno")->peer_address), std::string::npos) << text;
  EXPECT_TRUE(ssh_ports_in("Missing privilege separation directory: /run/sshd\n", "").empty());
}

TEST(Setup, PasswordsAreTurnedAwayOnlyOnceAnAdministratorHasAKey) {
  auto pair = shops();
  auto& first = pair.users[0];
  first.groups.clear();
  first.sudo_nopasswd = false;
  first.ssh_keys.clear();
  EXPECT_EQ(file_at(resources(view_of(pair, "uno")), sshd_file), nullptr) << "nobody has anything to do with ssh";
  first.ssh_keys = {"ssh-ed25519 AAAA andrey"};
  const auto are_refused = [&] {
    const auto all = resources(view_of(pair, "uno"));
    const auto* file = file_at(all, sshd_file);
    return file != nullptr && file->content.contains("PasswordAuthentication no\n");
  };
  EXPECT_FALSE(are_refused());
  first.groups = {"sudo"};
  EXPECT_FALSE(are_refused()) << "sudo asks for a password that it does not have";
  first.sudo_nopasswd = true;
  EXPECT_TRUE(are_refused());
}

} // namespace tandem::setup
