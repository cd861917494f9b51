// What is told of deploys before (`--dry-run`) and after them (`tandem deploys`), and a deploy of all sites.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <future>

namespace tandem::lab {

using testing::HasSubstr;
using testing::Not;

namespace {

// A second site that needs no database: it comes after the shop in importance. Its step prints its environment.
constexpr auto* plain_site = R"([[site]]
domain = "plain.test"
repo = "http://tre/git/shop.git"
branch = "plain"
owner = "nikolays"
wsgi = "plain:application"
environment_file = "secrets/shop.env"
deploy_steps = ["env"]
)";

class DeployLogs : public PairTest {
protected:
  void SetUp() override {
    PairTest::SetUp();
    if (HasFatalFailure()) return;
    serving_ = primary();
    push("plain", good_);
    apply(shop_toml({.more = plain_site})); // which takes back what other suites have asked for: certificates, say
    ASSERT_TRUE(wait_until([&] { return pair().fetch(serving_, "/").has_value(); }, soon));
  }

  void TearDown() override {
    on(lab(), serving_, "rm -f /run/tandem/halt");
    apply(shop_toml());
    for (const std::string host : {"uno", "duo"})
      on(lab(), host,
         "systemctl stop 'tandem-site@plain*'; rm -rf /etc/nginx/sites-enabled/plain.test.conf /www/plain.test "
         "/www/.releases/plain.test /var/lib/tandem/sites/plain.test /var/lib/tandem/deploys/plain.test; "
         "nginx -t -q && systemctl reload nginx");
    ASSERT_OK(pair().tandem(serving_, {"files", "reconcile", "--allow-deletions"}));
  }

  // A branch of the shop's repository with one file more, and no requirements.
  static void push(const std::string& branch, const std::string& application) {
    push_branch(lab(), branch, "cat > plain.py <<'END'\n" + application + "END\necho '# none' > requirements.txt");
  }

  static Json answer_of(const std::string& host, std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const auto said = pair().try_tandem(host, arguments);
    EXPECT_TRUE(said) << said.error().message;
    auto json = said ? Json::parse(said->output, nullptr, false) : Json();
    EXPECT_FALSE(json.is_discarded()) << said->output;
    return json;
  }

  static std::string link_of(const std::string& host, const std::string& site) {
    return on(lab(), host, "readlink /www/" + site + " || true");
  }

  // What `server` has of the site, as `host` lists it.
  static Json listed(const std::string& host, const std::string& server, const std::string& site) {
    const auto answer = answer_of(host, {"deploys", site});
    for (const auto& one : answer["servers"])
      if (one["name"] == server && one.contains("sites")) return one["sites"][0];
    return nullptr;
  }

  const std::string good_ = "def application(environ, start_response):\n"
                            "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
                            "    return [b'plain']\n";
  std::string serving_;
};

} // namespace

TEST_F(DeployLogs, ADryRunChangesNothingAndSaysWhatADeployThenDoes) {
  const auto everything = "find /www -path '*/repo.git' -prune -o -print | sort | sha256sum; "
                          "systemctl list-units --plain --no-legend 'tandem-site@*' | awk '{print $1}'; "
                          "ls /var/lib/tandem/deploys/* 2>/dev/null || true";
  const auto first = answer_of(serving_, {"deploy", "--dry-run", "plain.test"});
  EXPECT_FALSE(first.contains("current")) << first;
  EXPECT_TRUE(first["builds_environment"]);
  EXPECT_EQ(link_of(serving_, "plain.test"), "");
  ASSERT_OK(pair().tandem(serving_, {"deploy", "plain.test"}));

  push("plain", good_ + "# better\n");
  const auto before = on(lab(), serving_, everything);
  const auto next = answer_of(serving_, {"deploy", "--dry-run", "plain.test"});
  EXPECT_EQ(next["current"]["commit"], first["commit"]);
  EXPECT_NE(next["commit"], first["commit"]);
  EXPECT_EQ(next["comes"].size(), 1U) << next;
  EXPECT_EQ(next["goes"].size(), 1U) << "the branch was written anew";
  EXPECT_FALSE(next["builds_environment"]);
  EXPECT_EQ(next["steps"], Json::array({"env"}));
  EXPECT_EQ(on(lab(), serving_, everything), before);
  const auto said = pair().tandem(serving_, {"deploy", "--dry-run", "--all"});
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_THAT(*said, HasSubstr("shop.test: commit "));
  EXPECT_THAT(*said, HasSubstr(" One of plain\n"));
  EXPECT_EQ(on(lab(), serving_, everything), before);

  const auto done = answer_of(serving_, {"deploy", "plain.test"});
  EXPECT_EQ(done["commit"], next["commit"]);
  EXPECT_EQ(pair().try_tandem(other(serving_), {"deploy", "--dry-run", "plain.test"})->status, 3) << "a standby";
}

TEST_F(DeployLogs, AllSitesAreDeployedInTheirOrderAndOneThatFailsStopsNoOtherUnlessThatIsSaid) {
  const auto well = pair().try_tandem(serving_, {"deploy", "--all"});
  ASSERT_TRUE(well);
  EXPECT_EQ(well->status, 0) << well->errors;
  EXPECT_LT(well->errors.find("shop.test (1 of 2)"), well->errors.find("plain.test (2 of 2)"));
  const auto shop = link_of(serving_, "shop.test");
  const auto plain = link_of(serving_, "plain.test");

  // The shop cannot be built; the site after it can.
  apply(replace_all(shop_toml({.more = plain_site}), "branch = \"main\"", "branch = \"nowhere\""));
  const auto stopped = pair().try_tandem(serving_, {"deploy", "--all", "--stop-at-failure"});
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->status, 1);
  EXPECT_THAT(stopped->errors, HasSubstr("0 of 2 sites deployed; failed: shop.test; not started: plain.test"));
  EXPECT_EQ(link_of(serving_, "plain.test"), plain);
  const auto rest = pair().try_tandem(serving_, {"deploy", "--all"});
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->status, 1);
  EXPECT_THAT(rest->errors, HasSubstr("1 of 2 sites deployed; failed: shop.test"));
  EXPECT_THAT(rest->errors, HasSubstr("has no branch, tag or commit nowhere"));
  EXPECT_EQ(link_of(serving_, "shop.test"), shop);
  EXPECT_NE(link_of(serving_, "plain.test"), plain);
  for (const std::string host : {"uno", "duo"})
    EXPECT_TRUE(wait_until([&] { return link_of(host, "plain.test") == link_of(serving_, "plain.test"); }, soon));
}

TEST_F(DeployLogs, EveryDeployAndRollbackIsKeptWithItsEndAndAllThatWasSaidButSecrets) {
  ASSERT_OK(pair().tandem(serving_, {"deploy", "plain.test"}));
  push("plain", "raise RuntimeError('it does not start')\n");
  EXPECT_EQ(pair().try_tandem(serving_, {"deploy", "plain.test"})->status, 1);
  push("plain", good_ + "# mended\n");
  ASSERT_OK(pair().tandem(serving_, {"deploy", "plain.test", "plain"}));
  ASSERT_OK(pair().tandem(serving_, {"rollback", "plain.test"}));

  // From either server.
  const auto site = listed(other(serving_), serving_, "plain.test");
  ASSERT_EQ(site["deploys"].size(), 4U) << site;
  const auto& back = site["deploys"][0];
  const auto& mended = site["deploys"][1];
  const auto& broken = site["deploys"][2];
  const auto& first = site["deploys"][3];
  EXPECT_EQ(back["what"], "rollback");
  EXPECT_EQ(back["from"], mended["to"]);
  EXPECT_EQ(back["to"], first["to"]);
  EXPECT_EQ(mended["wanted"], "plain");
  EXPECT_EQ(mended["outcome"], "done");
  EXPECT_EQ(mended["from"], first["to"]);
  EXPECT_EQ(broken["outcome"], "failed");
  EXPECT_THAT(broken["failure"].get<std::string>(), HasSubstr("it does not start"));
  EXPECT_NE(broken["to"]["commit"], "") << "which commit was broken";
  EXPECT_EQ(first["from"]["release"], "");
  EXPECT_EQ(first["who"], "root");
  std::map<bool, std::string> releases;
  for (const auto& release : site["releases"])
    releases[release["live"]] = release["release"];
  EXPECT_EQ(releases[true], back["to"]["release"]);
  EXPECT_EQ(releases[false], mended["to"]["release"]);

  const auto text = pair().tandem(serving_, {"deploys", "show", "plain.test", "1"});
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(*text, HasSubstr("fetching http://tre/git/shop.git\n"));
  EXPECT_THAT(*text, HasSubstr("SHOP_SECRET_KEY="));
  EXPECT_THAT(*text, HasSubstr("deploy done\n"));
  EXPECT_THAT(on(lab(), serving_, "cat /var/lib/tandem/deploys/plain.test/*"), Not(HasSubstr("only-for-the-lab")));
  EXPECT_EQ(on(lab(), serving_, "find /var/lib/tandem/deploys -perm /077 | wc -l"), "0");
  const auto latest = pair().tandem(serving_, {"deploys", "show", "plain.test"});
  ASSERT_TRUE(latest);
  EXPECT_THAT(*latest, HasSubstr("rollback of plain.test, number 4"));
  EXPECT_EQ(pair().try_tandem(serving_, {"deploys", "show", "plain.test", "9"})->status, 1);
}

TEST_F(DeployLogs, OneWhoseAgentDiedIsListedAsCutOff) {
  on(lab(), serving_, "echo deploy finish > /run/tandem/halt");
  auto first = std::async(std::launch::async, [&] { return pair().try_tandem(serving_, {"deploy", "plain.test"}); });
  ASSERT_TRUE(wait_until(
      [&] {
        const auto site = listed(serving_, serving_, "plain.test");
        return site.is_object() && !site["deploys"].empty() && site["deploys"][0]["outcome"] == "running" &&
               site["deploys"][0]["to"]["commit"] != "";
      },
      soon));
  ASSERT_TRUE(wait_until(
      [&] { return holds_on(lab(), serving_, "grep -q ' env$' /var/lib/tandem/deploys/plain.test/*.log"); }, soon));
  on(lab(), serving_, "systemctl kill -s KILL --kill-who=main tandem; rm -f /run/tandem/halt");
  static_cast<void>(first.get());
  ASSERT_EQ(wait_until_whole(), serving_);
  const auto cut = listed(serving_, serving_, "plain.test");
  ASSERT_EQ(cut["deploys"].size(), 1U) << cut;
  EXPECT_EQ(cut["deploys"][0]["outcome"], "cut off");
  EXPECT_THAT(on(lab(), serving_, "tandem deploys show plain.test"), HasSubstr("building release"));
  ASSERT_OK(pair().tandem(serving_, {"deploy", "plain.test"}));
  const auto after = listed(serving_, serving_, "plain.test");
  EXPECT_EQ(after["deploys"][0]["outcome"], "done");
  EXPECT_EQ(after["deploys"][1]["outcome"], "cut off");
}

} // namespace tandem::lab
