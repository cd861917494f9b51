// Reading a server: what is asked of it, as whom, and that nothing is changed.
#include "adopt/read_server.hpp"
#include "fakes/server.hpp"

#include <gmock/gmock.h>

namespace tandem::adopt {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

// A server in memory that may be read and not changed: every change of it fails.
struct ServerInMemory : ::testing::Test {
  fakes::Server server;
  std::vector<system::Command> asked;
  std::map<std::string, system::Outcome> answers; // by a part of the command line

  void SetUp() override {
    server.accounts.table.users.push_back({"andrey", 1000, 1000, "/home/andrey", "/bin/bash"});
    server.accounts.table.groups.push_back({"andrey", 1000, {}});
    put("/var/lib/dpkg/status", "Package: htop\nStatus: install ok installed\nPriority: optional\nSection: utils\n\n"
                                "Package: gone\nStatus: deinstall ok config-files\nPriority: optional\n\n"
                                "Package: less\nStatus: install ok installed\nPriority: important\nSection: text\n");
    put("/var/lib/apt/extended_states", "Package: htop\nArchitecture: amd64\nAuto-Installed: 1\n");
    server.processes.answer = [this](const system::Command& command) {
      asked.push_back(command);
      std::string line;
      for (const auto& word : command.arguments)
        line += word + " ";
      for (const auto& [part, outcome] : answers)
        if (line.contains(part)) return outcome;
      return system::Outcome{.status = 1};
    };
  }

  void put(const std::string& path, const std::string& text) {
    for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
      if (!server.files.entries().contains(path.substr(0, slash))) server.files.put_folder(path.substr(0, slash));
    server.files.put(path, text);
  }

  void put_link(const std::string& path, const std::string& target) {
    put(path, "");
    server.files.put_link(path, target);
  }

  Found read() {
    const auto& ports = server.ports;
    server.power.cut_after = server.power.actions; // from now on a change fails the reading
    const auto before = server.power.actions;
    auto found = read_server(ports, {.host_name = "uno", .addresses = {}, .boot_id = "b"}, [](auto) {});
    EXPECT_TRUE(found) << found.error().message;
    EXPECT_EQ(server.power.actions, before);
    return found.value_or(Found{});
  }
};

} // namespace

TEST_F(ServerInMemory, FilesAreReadWhereTheyLieOrAreNamed) {
  put("/etc/systemd/system/uwsgi@.service",
      "[Service]\nEnvironmentFile=-/etc/default/%i\nExecStart=/usr/bin/uwsgi --ini /srv/%i.ini\n");
  put_link("/etc/systemd/system/multi-user.target.wants/uwsgi@shop.test.service", "../uwsgi@.service");
  put_link("/etc/systemd/system/multi-user.target.wants/cron.service", "/lib/systemd/system/cron.service");
  put("/etc/systemd/system/bot.service", "[Service]\nExecStart=/opt/bot --emperor /srv/vassals\n");
  put("/srv/shop.test.ini", "[uwsgi]\n");
  put("/srv/vassals/one.ini", "[uwsgi]\n");
  put("/etc/default/shop.test", "A=b\n");
  put("/etc/cron.d/www", "x\n");
  put("/etc/cron.d/e2scrub_all", "y\n");
  put("/var/lib/dpkg/info/e2fsprogs.list", "/.\n/etc/cron.d/e2scrub_all\n");
  put("/home/andrey/.ssh/authorized_keys", "ssh-ed25519 AAAA\n");
  put_link("/etc/localtime", "/usr/share/zoneinfo/Europe/Moscow");
  put("/primary_server", "");
  const auto found = read();
  for (const auto* path : {"/srv/shop.test.ini", "/srv/vassals/one.ini", "/etc/default/shop.test", "/etc/cron.d/www",
                           "/home/andrey/.ssh/authorized_keys"})
    EXPECT_NE(found.file(path), nullptr) << path;
  ASSERT_EQ(found.services.size(), 2U);
  EXPECT_EQ(found.services[1].instance, "shop.test");
  EXPECT_THAT(found.packaged, ElementsAre("/etc/cron.d/e2scrub_all"));
  EXPECT_THAT(found.links, Contains(Pair("/etc/localtime", "/usr/share/zoneinfo/Europe/Moscow")));
  EXPECT_TRUE(found.is_primary);
  EXPECT_FALSE(found.has_pair);
  ASSERT_EQ(found.packages.size(), 2U);
  EXPECT_TRUE(found.packages[0].automatic);
  EXPECT_EQ(found.packages[1].priority, "important");
}

TEST_F(ServerInMemory, GitIsAskedAsTheOwnerOfTheWorkingCopy) {
  put("/www/shop.test/.git/HEAD", "ref: refs/heads/janome\n");
  put("/www/shop.test/.git/config", "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = git@host.test:shop.git\n");
  put("/www/shop.test/shop/settings/base.py", "NAME = 'sworld'\n");
  put("/www/shop.test/requirements.txt", "Django\n");
  server.files.put_folder("/www/shop.test/media");
  server.files.put_folder("/www/.releases");
  for (const auto* path : {"/www/shop.test", "/www/shop.test/media"}) {
    server.power.cut_after.reset();
    ASSERT_TRUE(server.files.set_owner(path, {1000, 1000}));
  }
  put("/root/.ssh/known_hosts", "|1|x= ssh-ed25519 AAAA\n");
  answers = {{"ls-tree", {.output = "manage.py\nshop\n"}},
             {"status --porcelain", {.output = " M shop/urls.py\n"}},
             {"ssh-keygen -F host.test", {.output = "# Host host.test found: line 1\nno key\n"}}};
  const auto found = read();
  ASSERT_EQ(found.copies.size(), 1U);
  const auto& copy = found.copies[0];
  EXPECT_EQ(copy.owner, "andrey");
  EXPECT_EQ(copy.repo, "git@host.test:shop.git");
  EXPECT_EQ(copy.branch, "janome");
  EXPECT_THAT(copy.tracked, ElementsAre("manage.py", "shop"));
  EXPECT_THAT(copy.changed, ElementsAre(" M shop/urls.py"));
  EXPECT_THAT(copy.settings, ElementsAre("/www/shop.test/shop/settings/base.py"));
  EXPECT_NE(found.file("/www/shop.test/shop/settings/base.py"), nullptr);
  EXPECT_TRUE(copy.has_requirements);
  int of_git = 0;
  for (const auto& command : asked) {
    if (command.arguments[0] != "git") continue;
    ++of_git;
    EXPECT_EQ(command.user, "andrey");
    EXPECT_THAT(command.arguments, Contains("--no-optional-locks"));
  }
  EXPECT_EQ(of_git, 3);
}

TEST_F(ServerInMemory, PostgresqlIsAskedAsItsOwnUserAndWithoutTheRightToWrite) {
  answers = {{"pg_is_in_recovery", {.output = "f\x1e"}},
             {"pg_file_settings",
              {.output = "work_mem\x1f"
                         "8MB\x1f/etc/x.conf\x1f"
                         "7\x1e"}},
             {"rolpassword", {.output = "sworld\x1e"}},
             {"datistemplate", {.output = "sworld\x1fnikolays\x1e"}},
             {"-d sworld", {.output = "hstore\x1epg_trgm\x1e"}}};
  const auto found = read();
  EXPECT_TRUE(found.postgres.answers);
  EXPECT_FALSE(found.postgres.standby);
  ASSERT_EQ(found.postgres.settings.size(), 1U);
  EXPECT_EQ(found.postgres.settings[0].value, "8MB");
  EXPECT_EQ(found.postgres.settings[0].line, 7U);
  ASSERT_EQ(found.postgres.databases.size(), 1U);
  EXPECT_THAT(found.postgres.databases[0].extensions, ElementsAre("hstore", "pg_trgm"));
  EXPECT_THAT(found.postgres.roles_with_password, ElementsAre("sworld"));
  for (const auto& command : asked) {
    if (command.arguments[0] != "psql") continue;
    EXPECT_EQ(command.user, "postgres");
    EXPECT_THAT(command.environment, Contains(Pair("PGOPTIONS", HasSubstr("read_only=on"))));
  }
}

TEST_F(ServerInMemory, AServerWithoutAnyOfItIsReadToo) {
  const auto found = read();
  EXPECT_FALSE(found.postgres.answers);
  EXPECT_TRUE(found.copies.empty());
  EXPECT_TRUE(found.services.empty());
}

} // namespace tandem::adopt
