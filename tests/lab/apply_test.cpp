// `tandem apply` on bad days: killed right after each of its changes, and servers that were changed by hand.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <future>

namespace tandem::lab {

using testing::ElementsAre;
using testing::HasSubstr;

namespace {

// What the plan of uno names, in its order.
std::vector<std::string> planned(ShopPair& pair) {
  const auto text = pair.tandem("uno", {"plan", "--json"});
  if (!text) ADD_FAILURE() << describe(text.error());
  return text ? Json::parse(*text)["servers"][0]["ids"].get<std::vector<std::string>>() : std::vector<std::string>{};
}

bool is_reaction(const std::string& id) {
  return id.starts_with("reload ") || id.starts_with("restart ") || id == "systemctl daemon-reload";
}

// Those of the first that are not among the second.
template <class Ids>
std::vector<std::string> without(const std::vector<std::string>& ids, const Ids& others) {
  std::vector<std::string> left;
  std::ranges::copy_if(ids, std::back_inserter(left),
                       [&](const auto& id) { return std::ranges::find(others, id) == others.end(); });
  return left;
}

// One apply whose agent is killed as soon as it stands still.
struct KilledApply {
  std::vector<std::string> begun; // changes, as its progress tells them
  std::string killed_at;          // the id of the last one, done, but not in the ledger yet; empty: it was not killed
  system::Outcome outcome;

  void hear(Lab& lab, const std::string& line) {
    constexpr std::string_view mine = "uno: ";
    constexpr std::string_view stands = "stands still after ";
    if (!line.starts_with(mine) || line.starts_with("uno:   ")) return; // more about the change above
    const auto rest = line.substr(mine.size());
    if (!rest.starts_with(stands)) return begun.push_back(rest);
    killed_at = rest.substr(stands.size(), rest.rfind(", as long as ") - stands.size());
    EXPECT_TRUE(lab.run("uno", {"systemctl", "kill", "--signal=KILL", "--kill-whom=main", "tandem"}));
  }
};

KilledApply apply_killed_after(Lab& lab, int change) {
  on(lab, "uno", "echo apply after " + std::to_string(change) + " > /run/tandem/halt");
  KilledApply run;
  auto outcome = lab.run(
      "uno", {"tandem", "apply"},
      {.time_limit = std::chrono::minutes(15), .on_line = [&](auto line) { run.hear(lab, std::string(line)); }});
  EXPECT_TRUE(outcome) << describe(outcome.error());
  if (outcome) run.outcome = std::move(*outcome);
  return run;
}

} // namespace

TEST(Apply, KilledRightAfterEachOfItsChangesIsFinishedByTheNextOne) {
  OwnLab lab;
  ASSERT_TRUE(lab.ok());
  ShopPair pair(*lab, goods(), show);
  ASSERT_OK(pair.install("uno"));
  ASSERT_OK(pair.write_toml("uno", shop_toml({.two_servers = false})));
  ASSERT_OK(pair.init());
  auto wanted = planned(pair);
  ASSERT_GT(wanted.size(), 30U);
  std::set<std::string> killed_at;
  KilledApply run;
  for (std::size_t runs = 0;; ++runs) {
    ASSERT_LT(runs, 2 * wanted.size()) << "it does not get on";
    // That a service was told is to be seen nowhere on the server: cut off before its record, it is told again.
    const int change = is_reaction(run.killed_at) ? 2 : 1;
    run = apply_killed_after(*lab, change);
    if (run.killed_at.empty()) break;
    show("killed after " + run.killed_at);
    EXPECT_EQ(run.begun.size(), change) << join(run.begun, "; ");
    EXPECT_TRUE(killed_at.insert(run.killed_at).second || is_reaction(run.killed_at)) << "twice " << run.killed_at;
    ASSERT_TRUE(wait_until([&] { return holds_on(*lab, "uno", "tandem status"); }, soon)) << "the agent stays away";
    if (killed_at.size() == 1) {
      EXPECT_EQ(run.killed_at, "packages");
      const auto left = planned(pair);
      EXPECT_THAT(without(wanted, left),
                  ElementsAre("packages", "unit postgresql@15-main.service", "unit redis-server.service"))
          << "Debian's packages start these, so that apply need not";
      wanted = left;
    }
  }
  EXPECT_TRUE(run.outcome.ok()) << run.outcome.errors;
  EXPECT_THAT(without(wanted, killed_at), ElementsAre("restart redis-server@queue.service"))
      << "killed everywhere, but where nothing happens: the queue does not run yet when its file is made";
  const auto plan = pair.tandem("uno", {"plan"});
  ASSERT_OK(plan);
  EXPECT_THAT(*plan, HasSubstr("no changes"));
  ASSERT_OK(pair.publish_shop());
  ASSERT_OK(pair.tandem("uno", {"deploy", shop_domain}));
  EXPECT_TRUE(pair.fetch("uno", "/"));
}

class Drift : public PairTest {
protected:
  static constexpr auto looked = std::chrono::minutes(5); // an agent looks twice a minute, and two times
};

TEST_F(Drift, WhateverIsChangedByHandStandsInThePlanAndApplyMendsIt) {
  const auto server = other(primary());
  const std::string settings = "/etc/postgresql/15/main/conf.d/50-tandem.conf";
  on(lab(), server, "chmod 0666 /etc/nginx/tandem/http.conf");
  on(lab(), server, "rm /etc/systemd/system/tandem-site@.service");
  on(lab(), server, "echo '# by hand' >> " + settings);
  on(lab(), server, "gpasswd -d andrey sudo");
  on(lab(), server, "systemctl stop nginx");
  const auto plan = pair().tandem("uno", {"plan"});
  ASSERT_OK(plan);
  for (const auto* changed : {"/etc/nginx/tandem/http.conf", "/etc/systemd/system/tandem-site@.service", "# by hand",
                              "user andrey", "nginx.service"})
    EXPECT_THAT(*plan, HasSubstr(changed));
  ASSERT_OK(pair().tandem("uno", {"apply"}));
  const auto after = pair().tandem("uno", {"plan"});
  ASSERT_OK(after);
  EXPECT_THAT(*after, HasSubstr("no changes"));
  EXPECT_THAT(on(lab(), server, "cat /var/lib/tandem/kept/*50-tandem.conf*"), HasSubstr("# by hand"))
      << "what a person wrote is kept";
  EXPECT_NE(wait_until_whole(), "");
}

// Nobody asks for a plan here: the agents compare their servers by themselves.
TEST_F(Drift, StandsInStatusAndIsRepairedByItselfOnlyWhereThatIsAllowed) {
  const auto server = other(primary());
  const auto status_says = [&](const std::string& text) {
    return wait_until([&] { return on(lab(), "uno", "tandem status").find(text) != std::string::npos; }, looked);
  };
  const auto unharmed = [&] {
    return holds_on(lab(), server, "test $(stat -c %a /etc/nginx/tandem/http.conf) = 644 && systemctl is-active nginx");
  };
  on(lab(), server, "chmod 0666 /etc/nginx/tandem/http.conf; systemctl stop nginx");
  EXPECT_TRUE(status_says(server + ": file /etc/nginx/tandem/http.conf and 1 more are not as `tandem apply` would"));
  EXPECT_FALSE(unharmed()) << "it was to be shown only";

  const std::string toml = shop_toml({.host = "timezone = \"Europe/Moscow\"\npackages = [\"less\"]\nrepair = true\n"});
  ASSERT_OK(pair().write_toml("uno", toml));
  EXPECT_TRUE(status_says("is not the one of the latest `tandem apply`"));
  EXPECT_FALSE(unharmed()) << "what was not applied yet allows nothing";
  ASSERT_OK(pair().tandem("uno", {"apply"}));
  EXPECT_NE(wait_until_whole(), "");
  on(lab(), server,
     "chmod 0666 /etc/nginx/tandem/http.conf; systemctl stop nginx; echo '# mine' >> /etc/nginx/tandem/http.conf");
  EXPECT_TRUE(wait_until(unharmed, looked)) << on(lab(), "uno", "tandem status");
  EXPECT_THAT(on(lab(), server, "cat /var/lib/tandem/kept/*http.conf*"), HasSubstr("# mine"));

  ASSERT_OK(pair().write_toml("uno", shop_toml()));
  ASSERT_OK(pair().tandem("uno", {"apply"}));
  EXPECT_NE(wait_until_whole(), "");
}

// A repair holds nobody up: a switchover is refused rather than met by it, and an apply goes first.
TEST_F(Drift, ARepairUnderWayRefusesASwitchoverAndGivesWayToAnApply) {
  const auto server = other(primary());
  ASSERT_OK(pair().write_toml("uno", shop_toml({.host = "packages = [\"less\"]\nrepair = true\n"})));
  ASSERT_OK(pair().tandem("uno", {"apply"}));
  ASSERT_NE(wait_until_whole(), "");
  const auto since = on(lab(), server, "date +%s");
  const auto logged = [&](const std::string& text) {
    const auto command = "journalctl -u tandem --since=@" + since + " | grep -q '" + text + "'";
    return wait_until([&] { return holds_on(lab(), server, command); }, looked);
  };
  on(lab(), server, "echo 'apply before 1' > /run/tandem/halt; chmod 0666 /etc/nginx/tandem/http.conf");
  // An agent repairs once in ten minutes: one that has just started may.
  on(lab(), server, "systemctl restart tandem");
  ASSERT_TRUE(logged("apply stands still before file /etc/nginx/tandem/http.conf"));
  const auto switched = pair().try_tandem(primary(), {"switchover"});
  ASSERT_TRUE(switched);
  EXPECT_EQ(switched->status, 3);
  EXPECT_THAT(switched->errors, HasSubstr("\"repair\""));
  EXPECT_THAT(switched->errors, HasSubstr("under way on " + server));
  ASSERT_OK(pair().write_toml("uno", shop_toml()));
  auto apply = std::async(std::launch::async, [] { return pair().tandem("uno", {"apply"}); });
  EXPECT_TRUE(logged("waiting for \"repair\", started by the agent itself"));
  on(lab(), server, "rm /run/tandem/halt");
  ASSERT_OK(apply.get());
  EXPECT_TRUE(holds_on(lab(), server, "test $(stat -c %a /etc/nginx/tandem/http.conf) = 644"));
  EXPECT_NE(wait_until_whole(), "");
}

} // namespace tandem::lab
