// Deploys and rollbacks under 200 requests a second, beside what people do by hand (git and a restart of the
// application) on the same servers in the same run: build/bench/deploy.json.
#include "base/text.hpp"
#include "common/shop_bench.hpp"

#include <nlohmann/json.hpp>

#include <iostream>

namespace {

using namespace tandem;
using bench::say;
using bench::Series;
using Json = nlohmann::json;

constexpr int rounds = 4;
constexpr int deploys_a_round = 5;
constexpr int round_seconds = 75;

struct Measured {
  Series deploy{"a deploy without steps of its own", "tandem deploy", "s"};
  Series back{"a rollback", "tandem rollback", "s"};
  Series failed{"failed requests in 5 deploys and 5 rollbacks", "tandem", "requests"};
  Series fetch{"the new commit checked out, nothing restarted", "git fetch, git checkout", "s"};
  Series restart{"failed requests in 5 restarts", "git checkout, restart the unit", "requests"};
};

// The shop with another remark in its settings, as the branch "next".
Result<void> push(lab::Lab& lab, int number) {
  const auto script = fmt::format("set -e; rm -rf /srv/git/work; git clone -q -b main /srv/git/shop.git /srv/git/work; "
                                  "cd /srv/git/work; git config user.email lab@example.org; git config user.name lab; "
                                  "echo '# {}' >> shop/settings.py; git commit -qam 'Number {}'; "
                                  "git push -q -f origin HEAD:refs/heads/next",
                                  number, number);
  TANDEM_CHECK(lab.run_checked("tre", {"sh", "-c", script}, {.user = "git"}));
  return {};
}

// Commands while visitors come; how many of their requests failed.
Result<double> under_load(lab::Lab& lab, const std::function<Result<void>()>& work) {
  TANDEM_TRY(const auto visitors, lab::Visitors::come(lab, {.tool = TANDEM_LOAD, .seconds = round_seconds}));
  visitors->shop_for(3);
  const auto done = work();
  const bool in_time = visitors->shop_for(1);
  TANDEM_TRY(const auto text, visitors->leave());
  TANDEM_CHECK(done);
  if (!in_time) say("the visitors left before the work had ended");
  return Json::parse(text).at("failed").get<double>();
}

Result<void> measure_tandem(lab::Lab& lab, lab::ShopPair& pair, Measured& measured) {
  int number = 0;
  const auto deploy_and_back = [&]() -> Result<void> {
    for (int i = 0; i < deploys_a_round; ++i) {
      TANDEM_CHECK(push(lab, ++number));
      const bench::Stopwatch deploying;
      TANDEM_CHECK(pair.tandem("uno", {"deploy", lab::shop_domain, "next"}));
      measured.deploy.values.push_back(deploying.seconds());
      const bench::Stopwatch going_back;
      TANDEM_CHECK(pair.tandem("uno", {"rollback", lab::shop_domain}));
      measured.back.values.push_back(going_back.seconds());
    }
    return {};
  };
  for (int round = 1; round <= rounds; ++round) {
    TANDEM_TRY(const double failed, under_load(lab, deploy_and_back));
    measured.failed.values.push_back(failed);
    say(fmt::format("round {}: deploy {:.1f} s, rollback {:.1f} s, {:.0f} failed", round, measured.deploy.values.back(),
                    measured.back.values.back(), failed));
  }
  return {};
}

// A checkout as a person has one, and the restart that brings it to visitors.
Result<void> measure_by_hand(lab::Lab& lab, Measured& measured) {
  TANDEM_CHECK(lab.run_checked("uno", {"git", "clone", "-q", "http://tre/git/shop.git", "/root/shop"}));
  int number = 1000;
  const auto by_hand = [&]() -> Result<void> {
    for (int i = 0; i < deploys_a_round; ++i) {
      TANDEM_CHECK(push(lab, ++number));
      const bench::Stopwatch watch;
      TANDEM_CHECK(
          lab.run_checked("uno", {"sh", "-c", "cd /root/shop && git fetch -q && git checkout -q origin/next"}));
      measured.fetch.values.push_back(watch.seconds());
      TANDEM_CHECK(lab.run_checked("uno", {"sh", "-c", "systemctl restart 'tandem-site@*.service'"}));
    }
    return {};
  };
  for (int round = 1; round <= rounds; ++round) {
    TANDEM_TRY(const double failed, under_load(lab, by_hand));
    measured.restart.values.push_back(failed);
    say(fmt::format("by hand, round {}: {:.0f} failed", round, failed));
  }
  return {};
}

Result<void> run(lab::Lab& lab) {
  auto pair = bench::shop_pair(lab);
  TANDEM_CHECK(bench::set_up_shop(pair));
  // From here on without migrate and collectstatic, whose time is the site's.
  const auto toml = replace_all(lab::shop_toml(),
                                "deploy_steps = [\"python manage.py migrate --noinput\", \"python manage.py "
                                "collectstatic --noinput\"]",
                                "deploy_steps = []");
  TANDEM_CHECK(pair.write_toml("uno", toml));
  TANDEM_CHECK(pair.tandem("uno", {"apply"}));
  Measured measured;
  TANDEM_CHECK(measure_tandem(lab, pair, measured));
  TANDEM_CHECK(measure_by_hand(lab, measured));
  return bench::write_results("deploy",
                              {measured.deploy, measured.back, measured.failed, measured.fetch, measured.restart});
}

} // namespace

int main() {
  return bench::run_benchmark("two servers with the shop, 200 requests a second, deploys and rollbacks", run);
}
