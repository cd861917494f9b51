#include "support.hpp"

#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view minimal = R"([pair]
name = "p"
admin_mail = "ops@example.org"
[[server]]
name = "uno"
address = "192.0.2.11"
)";

class Example : public testing::Test {
protected:
  Loaded loaded = load_text(read(source("examples/tandem.toml")), all_keys());

  [[nodiscard]] const model::Pair& pair() const { return loaded.pair.value(); }

  [[nodiscard]] const model::Site& site() const { return loaded.pair.value().sites.at(0); }

  void SetUp() override { ASSERT_TRUE(loaded.pair) << messages(loaded); }
};

TEST_F(Example, ThePairAndItsHostArrive) {
  EXPECT_EQ(pair().name, "shops");
  EXPECT_EQ(pair().admin_mail, "ops@example.org");
  EXPECT_EQ(pair().port, 7411);
  EXPECT_EQ(pair().host, (model::Host{.timezone = "Europe/Moscow",
                                      .time_servers = {"ru.pool.ntp.org"},
                                      .packages = {"less", "emacs-nox", "bind9-dnsutils", "htop"},
                                      .mail = "internet",
                                      .firewall = true,
                                      .security_updates = true,
                                      .repair = false}));
}

TEST_F(Example, TheServersArrive) {
  ASSERT_EQ(pair().servers.size(), 2U);
  EXPECT_EQ(
      pair().servers[0],
      (model::Server{.name = "uno", .address = "192.0.2.11", .address6 = "2001:db8::11", .peer_address = "10.0.0.1"}));
  EXPECT_EQ(pair().servers[1].peer_address, "192.0.2.12") << "the address, when nothing else is given";
  EXPECT_EQ(pair().servers[1].address6, std::nullopt);
}

TEST_F(Example, TheUsersArriveInTheirOrder) {
  ASSERT_EQ(pair().users.size(), 3U);
  EXPECT_EQ(pair().users[0].name, "andrey");
  EXPECT_EQ(pair().users[0].groups, (std::vector<std::string>{"sudo", "www-data"}));
  ASSERT_EQ(pair().users[0].ssh_keys.size(), 1U);
  EXPECT_TRUE(pair().users[0].ssh_keys[0].ends_with(" andrey"));
  EXPECT_EQ(pair().users[1].uid, 1001U);
  model::User importer;
  importer.name = "import1c";
  importer.uid = 1002;
  importer.primary_group = "sftponly";
  importer.sftp_only = true;
  importer.password_file = model::SecretFile{"secrets/import1c", "/etc/tandem/secrets/import1c"};
  importer.folders = {"import"};
  EXPECT_EQ(pair().users[2], importer);
}

TEST_F(Example, TheDataArrives) {
  EXPECT_EQ(pair().database.settings, (std::map<std::string, std::string>{{"shared_buffers", "256MB"}}));
  EXPECT_EQ(pair().database.slot_limit, model::Bytes{8} << 30U);
  EXPECT_EQ(pair().files, (model::Files{.replicate = {"/www", "/home/import1c"},
                                        .exclude = {"*.pyc", "__pycache__/", "logs/"},
                                        .reconcile = hours(1),
                                        .deletion_guard = 0.1}));
  EXPECT_EQ(pair().cache, (model::Cache{model::Bytes{256} << 20U, model::Bytes{256} << 20U}));
  EXPECT_EQ(pair().backup, (model::Backup{"", hours(24 * 30)}));
}

TEST_F(Example, CertificatesDnsAlertsAndLogsArrive) {
  EXPECT_EQ(pair().certificates.acme, "https://acme-v02.api.letsencrypt.org/directory");
  EXPECT_EQ(pair().certificates.ca_bundle, std::nullopt) << "an empty text names no file";
  EXPECT_EQ(pair().certificates.renew_before, std::nullopt) << "auto";
  EXPECT_EQ(pair().dns, (model::Dns{"rfc2136",
                                    "192.0.2.53",
                                    model::SecretFile{"secrets/dns.key", "/etc/tandem/secrets/dns.key"},
                                    {},
                                    seconds(60)}));
  EXPECT_EQ(pair().alerts, (model::Alerts{true, {}, seconds(30), std::nullopt, 0.9}));
  EXPECT_EQ(pair().logs, (model::Logs{"daily", 7}));
}

TEST_F(Example, TheRoleSettingsArrive) {
  const auto& role = pair().role;
  EXPECT_EQ(role.authority, model::Authority::operator_);
  EXPECT_EQ(role.standby, model::StandbyMode::warm);
  EXPECT_EQ(role.drain, seconds(10));
  EXPECT_EQ(role.hold, seconds(20));
  EXPECT_EQ(role.rehearse, hours(24 * 7));
  ASSERT_TRUE(role.etcd);
  EXPECT_EQ(role.etcd->endpoints.size(), 3U);
  EXPECT_EQ(role.etcd->lease, seconds(5));
  EXPECT_EQ(role.etcd->key_file.value().path, "/etc/tandem/secrets/etcd.key");
}

TEST_F(Example, WhereTheSiteComesFromArrives) {
  EXPECT_EQ(site().domain, "janome.club");
  EXPECT_EQ(site().aliases, (std::vector<std::string>{"www.janome.club"}));
  EXPECT_EQ(site().repo, "git@github.com:andreynovikov/django-shop.git");
  EXPECT_EQ(site().branch, "janome");
  EXPECT_EQ(site().deploy_key.value().path, "/etc/tandem/secrets/janome");
  EXPECT_EQ(site().repo_host_keys.size(), 1U);
  EXPECT_EQ(site().webhook_secret_file, std::nullopt);
  EXPECT_EQ(site().owner, "nikolays");
  EXPECT_EQ(site().wsgi, "sewingworld.wsgi:application");
  EXPECT_EQ(site().environment.at("DJANGO_SETTINGS_MODULE"), "sewingworld.settings.production");
  EXPECT_EQ(site().environment_file.value().text, "secrets/janome.env");
  EXPECT_EQ(site().requirements, "requirements.txt");
  EXPECT_TRUE(site().pip_options.empty());
}

TEST_F(Example, HowTheSiteIsServedArrives) {
  ASSERT_EQ(site().folders.size(), 4U);
  EXPECT_EQ(site().folders[0], (model::SiteFolder{"media", std::nullopt, std::nullopt, true}));
  EXPECT_EQ(site().folders[2],
            (model::SiteFolder{.name = "logs", .owner = "nikolays", .group = "www-data", .replicate = false}));
  EXPECT_EQ(site().serve, (std::map<std::string, std::string>{{"/static/", "static"}, {"/media/", "media"}}));
  EXPECT_EQ(site().deploy_steps.size(), 2U);
  EXPECT_EQ(site().health, "/");
  EXPECT_EQ(site().max_body, model::Bytes{64} << 20U);
  EXPECT_EQ(site().basic_auth, std::nullopt);
  EXPECT_EQ(site().uwsgi, (model::Uwsgi{2, 4, minutes(2), {{"buffer-size", "8192"}}}));
  EXPECT_EQ(site().database, (model::SiteDatabase{"sworld", "sworld", {"pg_trgm"}}));
}

TEST_F(Example, TheBackgroundWorkArrives) {
  ASSERT_TRUE(site().celery);
  EXPECT_EQ(site().celery->app, "sewingworld");
  EXPECT_TRUE(site().celery->beat);
  EXPECT_EQ(site().celery->workers, (std::vector<model::CeleryWorker>{{"default", {"default"}, 2}}));
  EXPECT_EQ(site().import, (model::Import{"import1c", "*.txt", "python manage.py update_1c_stocks"}));
  EXPECT_EQ(site().jobs, (std::vector<model::Job>{{"feeds", "*-*-* 03:15", "python manage.py make_feeds"}}));
}

TEST_F(Example, EveryFileThatItNamesIsListedOnce) {
  std::set<std::string> names;
  for (const auto& secret : loaded.secrets)
    EXPECT_TRUE(names.insert(secret.text).second) << secret.text;
  EXPECT_EQ(names,
            (std::set<std::string>{"secrets/import1c", "secrets/dns.key", "secrets/etcd-ca.pem", "secrets/etcd.pem",
                                   "secrets/etcd.key", "secrets/janome", "secrets/janome.env"}));
}

TEST(Load, EveryKeyOfTheExampleThatIsNotBuiltIsRefusedByName) {
  const auto loaded = load_text(read(source("examples/tandem.toml")));
  EXPECT_FALSE(loaded.pair);
  const auto text = messages(loaded);
  for (const auto* name : {"synchronous", "synchronous_fallback", "rehearse", "etcd", "backup"})
    EXPECT_TRUE(text.contains(fmt::format("\"{}\" is not built yet in this version of tandem", name))) << name;
  EXPECT_EQ(loaded.problems.size(), 5U) << "nothing but these is wrong with it:\n" << text;
}

// CloudNativePG #8790: a "preferred" synchronous mode lost acknowledged writes. Nobody is promised what is not kept.
TEST(Load, CloudNativePG8790SynchronousCommitsAreNotTakenBeforeTheyAreKept) {
  for (const std::string key : {"synchronous", "synchronous_fallback"}) {
    const auto loaded = load_text(std::string(minimal) + "[database]\n" + key + " = true\n");
    EXPECT_FALSE(loaded.pair) << key;
    EXPECT_NE(messages(loaded).find("\"" + key + "\" is not built yet"), std::string::npos) << messages(loaded);
  }
}

TEST(Load, AMinimalFileTakesEveryDefaultOfTheModel) {
  const auto loaded = load_text(std::string(minimal));
  ASSERT_TRUE(loaded.pair) << messages(loaded);
  model::Pair expected;
  expected.name = "p";
  expected.admin_mail = "ops@example.org";
  expected.servers = {{"uno", "192.0.2.11", std::nullopt, "192.0.2.11"}};
  EXPECT_EQ(*loaded.pair, expected);
  EXPECT_TRUE(loaded.secrets.empty());
}

TEST(Load, ACompleteFileOfBuiltKeysIsTaken) {
  const auto loaded = load_text(read(source("tests/unit/config/good/built.toml")));
  ASSERT_TRUE(loaded.pair) << messages(loaded);
  EXPECT_EQ(loaded.pair->sites.size(), 2U);
  EXPECT_EQ(
      loaded.pair->database.settings,
      (std::map<std::string, std::string>{
          {"max_connections", "200"}, {"jit", "false"}, {"random_page_cost", "1.1"}, {"shared_buffers", "256MB"}}));
  EXPECT_EQ(loaded.pair->sites[1].pip_options, (std::vector<std::string>{"--no-index", "--find-links", "/srv/wheels"}));
}

TEST(Load, SecretPathsFollowTheFolderOfTheFile) {
  const auto text = std::string(minimal) + R"(
[[user]]
name = "owner"
[[site]]
domain = "a.example"
repo = "https://git.example/a.git"
owner = "owner"
wsgi = "a:b"
environment_file = "./secrets/a.env"
basic_auth = "/srv/htpasswd"
)";
  std::vector<std::string> asked;
  const auto loaded = load({"/srv/pair/tandem.toml", text}, [&](const std::string& path) {
    asked.push_back(path);
    return std::optional<std::string>("");
  });
  ASSERT_TRUE(loaded.pair) << messages(loaded);
  EXPECT_EQ(asked, (std::vector<std::string>{"/srv/pair/secrets/a.env", "/srv/htpasswd"}));
  EXPECT_EQ(loaded.pair->sites[0].environment_file, (model::SecretFile{"./secrets/a.env", "/srv/pair/secrets/a.env"}));
}

TEST(Load, AProblemSaysFileLineColumnAndWhatIsExpected) {
  const auto loaded = load_text("[pair]\nname = \"p\"\nadmin_mail = \"a@b.example\"\nport = \"x\"\n[[server]]\nname = "
                                "\"uno\"\naddress = \"192.0.2.1\"\n");
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(format(loaded.problems[0]), "/etc/tandem/tandem.toml:4:8: pair.port: this is a string\n"
                                        "  expected: a whole number from 1 to 65535");
}

TEST(Load, AFileOfOneMebibyteIsReadAndALargerOneIsNot) {
  std::string text(minimal);
  while (text.size() + 1000 < (1U << 20U))
    text += std::string(999, '#') + "\n";
  EXPECT_TRUE(load_text(text).pair);
  text += std::string(1000, '#') + "\n";
  EXPECT_EQ(
      messages(load_text(text)),
      fmt::format("/etc/tandem/tandem.toml:1:1: the file is {} bytes long\n  expected: at most 1 MiB\n", text.size()));
}

TEST(Load, ADeepKeyEndsInAMessageAndNotInAStackOverflow) {
  std::string text;
  for (int i = 0; i < 200'000; ++i)
    text += "a.";
  EXPECT_TRUE(messages(load_text(text + "a = 1\n")).contains("a line of 400005 bytes"));
}

TEST(Load, OfManyProblemsTheFirstHundredAreShown) {
  std::string text(minimal);
  for (int i = 0; i < 250; ++i)
    text = fmt::format("key{} = 1\n", i) + text;
  const auto loaded = load_text(text);
  ASSERT_EQ(loaded.problems.size(), 101U);
  EXPECT_EQ(loaded.problems[0].line, 1U);
  EXPECT_EQ(loaded.problems.back().problem, "150 more problems from here on");
}

TEST(Load, AFileOfNothingButUnknownKeysIsAnswered) {
  std::string text;
  for (int i = 0; text.size() < 1'000'000; ++i)
    text += fmt::format("key{} = 1\n", i);
  const auto loaded = load_text(text + std::string(minimal));
  ASSERT_EQ(loaded.problems.size(), 101U);
  EXPECT_TRUE(loaded.problems.back().problem.ends_with(" more problems from here on"));
}

} // namespace
} // namespace tandem::config::test
