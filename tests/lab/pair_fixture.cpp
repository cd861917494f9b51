#include "pair_fixture.hpp"

#include "base/text.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <iostream>

namespace tandem::lab {

namespace {

constexpr auto whole_limit = std::chrono::minutes(3);

struct SharedPair {
  OwnLab lab;
  std::unique_ptr<ShopPair> pair;
  bool made = false;
};

std::unique_ptr<SharedPair>& shared_pair() {
  static std::unique_ptr<SharedPair> pair;
  return pair;
}

std::set<std::string>& prepared_suites() {
  static std::set<std::string> suites;
  return suites;
}

[[maybe_unused]] const bool pair_registered = at_the_end([] { shared_pair().reset(); });

Result<void> make(ShopPair& pair) {
  for (const auto* host : {"uno", "duo"})
    TANDEM_CHECK(pair.install(host));
  TANDEM_CHECK(pair.write_toml("uno", shop_toml()));
  TANDEM_TRY(const auto token, pair.init());
  TANDEM_CHECK(pair.join_second(token));
  TANDEM_CHECK(pair.tandem("uno", {"apply"}));
  TANDEM_CHECK(pair.publish_shop());
  TANDEM_CHECK(pair.tandem("uno", {"deploy", shop_domain}));
  return {};
}

} // namespace

Goods goods() {
  const std::string source = TANDEM_SOURCE_DIR;
  return {.package = TANDEM_PACKAGE, .shop = source + "/examples/shop"};
}

void show(const std::string& line) {
  std::printf("      %s\n", line.c_str());
  std::fflush(stdout);
}

std::string address_of(const std::string& server) {
  return server == "uno" ? "10.77.0.11" : "10.77.0.12";
}

std::string sql(Lab& lab, const std::string& host, const std::string& statement) {
  return on(lab, host, "runuser -u postgres -- psql -XAtqc \"" + statement + "\"");
}

void halt_at(Lab& lab, const std::string& host, const std::string& point) {
  on(lab, host, "rm -f /run/tandem/halted; echo " + point + " > /run/tandem/halt");
}

bool stands_at(Lab& lab, const std::string& host, const std::string& point) {
  return wait_until([&] { return holds_on(lab, host, "grep -qx '" + point + "' /run/tandem/halted"); }, soon);
}

std::string push_branch(Lab& lab, const std::string& branch, const std::string& edit) {
  const auto script = "set -e; rm -rf /srv/git/work; git clone -q -b main /srv/git/shop.git /srv/git/work; "
                      "cd /srv/git/work; git config user.email lab@example.org; git config user.name lab\n" +
                      edit + "\ngit add -A; git commit -q --allow-empty -m 'One of " + branch +
                      "'; git push -q -f origin HEAD:refs/heads/" + branch + "; git rev-parse HEAD";
  const auto pushed = lab.run_checked("tre", {"sh", "-c", script}, {.user = "git"});
  if (!pushed) ADD_FAILURE() << pushed.error().message;
  return pushed ? std::string(trim(*pushed)) : std::string();
}

Result<Lab*> shared_servers() {
  auto& shared = shared_pair();
  if (!shared) {
    shared = std::make_unique<SharedPair>();
    if (!shared->lab.ok()) return failed("there is no lab");
    shared->pair = std::make_unique<ShopPair>(*shared->lab, goods(), show);
    TANDEM_CHECK(make(*shared->pair));
    shared->made = true;
  }
  if (!shared->made) return failed("there is no pair to test on");
  return &*shared->lab;
}

void forget_preparations() {
  prepared_suites().clear();
}

Json status_of(ShopPair& pair, const std::string& host, const std::string& server) {
  const auto text = pair.tandem(host, {"status", "--json"});
  if (!text) return {};
  const auto status = Json::parse(*text);
  for (const auto& one : status["servers"])
    if (one["name"] == server) return one;
  return {};
}

std::string wait_until_whole(Lab& lab) {
  std::string serving;
  std::string last;
  const auto whole = [&] {
    const auto asked = lab.run("uno", {"tandem", "status", "--json"}, {.time_limit = std::chrono::seconds(15)});
    if (!asked || !asked->ok()) return false;
    last = asked->output;
    const auto status = Json::parse(asked->output, nullptr, false);
    if (status.is_discarded() || !status["problems"].empty()) return false;
    std::set<std::string> duties;
    serving.clear();
    for (const auto& server : status["servers"]) {
      if (!server.contains("role")) return false;
      const std::string duty = server["role"].value("duty", "");
      duties.insert(duty);
      if (duty == "serve") serving = server["name"];
    }
    return duties.size() == 2 && !serving.empty() && duties.contains("follow " + serving);
  };
  if (wait_until(whole, whole_limit)) return serving;
  ADD_FAILURE() << "the pair does not become whole again:\n" << last;
  for (const auto* host : {"uno", "duo"})
    show(std::string(host) + ":\n" + on(lab, host, "journalctl -u tandem --no-pager -o short-precise | tail -40"));
  return {};
}

Lab& PairTest::lab() {
  return *shared_pair()->lab;
}

ShopPair& PairTest::pair() {
  return *shared_pair()->pair;
}

void PairTest::SetUp() {
  ASSERT_OK(shared_servers());
  ASSERT_OK(lab().heal());
  for (const auto* host : {"uno", "duo"}) {
    on(lab(), "tre", "true");
    ASSERT_OK(lab().boot(host));
    on(lab(), host, "rm -f /run/tandem/halt");
  }
  ASSERT_NE(wait_until_whole(), "");
  if (prepared_suites().insert(::testing::UnitTest::GetInstance()->current_test_info()->test_suite_name()).second)
    prepare();
}

void PairTest::apply(const std::string& toml) {
  ASSERT_OK(pair().write_toml(primary(), toml));
  ASSERT_OK(pair().tandem(primary(), {"apply"}));
  EXPECT_THAT(on(lab(), primary(), "tandem plan"), ::testing::HasSubstr("no changes"));
}

void PairTest::acknowledge_all(const std::string& host) {
  const auto listed = Json::parse(on(lab(), host, "tandem events --json"));
  for (const auto& server : listed["servers"])
    for (const auto& event : server["events"])
      if (server["name"] == host)
        ASSERT_OK(pair().tandem(host, {"events", "acknowledge", std::to_string(event["number"].get<int>())}));
}

std::string PairTest::primary() {
  for (const std::string host : {"uno", "duo"})
    if (holds_on(lab(), host, "test -f /run/tandem/serving")) return host;
  return {};
}

void PairTest::prove(const std::string& primary) {
  static int probe = 0;
  const auto number = std::to_string(++probe);
  const auto standby = other(primary);
  EXPECT_FALSE(holds_on(lab(), standby, "test -f /run/tandem/serving")) << "both serve";
  EXPECT_TRUE(holds_on(lab(), primary, "test -f /primary_server"));
  EXPECT_FALSE(holds_on(lab(), standby, "test -f /primary_server"));
  sql(lab(), primary, "create table if not exists probes(number int); insert into probes values (" + number + ")");
  EXPECT_TRUE(wait_until(
      [&] {
        return holds_on(lab(), standby,
                        "test \"$(runuser -u postgres -- psql -XAtqc 'select pg_is_in_recovery(), max(number) from "
                        "probes')\" = 't|" +
                            number + "'");
      },
      std::chrono::seconds(30)))
      << "a row written on " << primary << " does not reach " << standby;
  for (const auto* host : {"uno", "duo"}) {
    const auto page = pair().fetch(host, "/");
    EXPECT_TRUE(page) << "through " << host << ": " << page.error().message;
  }
}

} // namespace tandem::lab
