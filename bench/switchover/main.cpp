// The switchover under 200 requests a second, beside the same change by hand on the same two servers in the same run:
// build/bench/switchover.json.
#include "by_hand.hpp"
#include "common/shop_bench.hpp"

#include <nlohmann/json.hpp>

#include <iostream>

namespace {

using namespace tandem;
using bench::say;
using bench::Series;
using Json = nlohmann::json;

constexpr int rounds = 6; // an even number: uno is the primary again at the end

struct Measured {
  Series pause{"longest pause of acknowledged writes", "tandem switchover", "ms"};
  Series command{"the whole command until the old primary follows", "tandem switchover", "s"};
  Series failed{"failed requests", "tandem switchover", "requests"};
  Series floor{"longest pause of acknowledged writes", "stop fast and promote by hand", "ms"};
};

Result<void> measure_tandem(lab::Lab& lab, lab::ShopPair& pair, Measured& measured) {
  for (int round = 0; round < rounds; ++round) {
    TANDEM_TRY(const auto visitors, lab::Visitors::come(lab, {.tool = TANDEM_LOAD, .seconds = 40}));
    visitors->shop_for(5);
    const bench::Stopwatch watch;
    TANDEM_CHECK(pair.tandem("uno", {"switchover"}));
    measured.command.values.push_back(watch.seconds());
    TANDEM_TRY(const auto text, visitors->leave());
    const auto summary = Json::parse(text);
    measured.pause.values.push_back(summary.at("longest_pause").at("writes").at("ms"));
    measured.failed.values.push_back(summary.at("failed"));
    say(fmt::format("round {}: {:.0f} ms, {} failed", round + 1, measured.pause.values.back(),
                    measured.failed.values.back()));
  }
  return {};
}

Result<void> measure_floor(lab::Lab& lab, Measured& measured) {
  for (const auto* host : {"uno", "duo"})
    TANDEM_CHECK(lab.run_checked(host, {"systemctl", "stop", "tandem-gate.socket", "tandem.service"}));
  for (int round = 0; round < rounds; ++round) {
    const bool back = round % 2 == 1;
    TANDEM_TRY(const double gap, bench::change_by_hand(lab, back ? "duo" : "uno", back ? "uno" : "duo"));
    measured.floor.values.push_back(gap);
    say(fmt::format("by hand, round {}: {:.0f} ms", round + 1, gap));
  }
  for (const auto* host : {"uno", "duo"})
    TANDEM_CHECK(lab.run_checked(host, {"systemctl", "start", "tandem-gate.socket", "tandem.service"}));
  return {};
}

Result<void> run(lab::Lab& lab) {
  auto pair = bench::shop_pair(lab);
  TANDEM_CHECK(bench::set_up_shop(pair));
  Measured measured;
  TANDEM_CHECK(measure_tandem(lab, pair, measured));
  TANDEM_CHECK(measure_floor(lab, measured));
  TANDEM_CHECK(bench::write_results("switchover", {measured.pause, measured.command, measured.failed, measured.floor}));
  std::cout << fmt::format("pause, tandem to by hand: {:.2f}\n", median(measured.pause) / median(measured.floor));
  return {};
}

} // namespace

int main() {
  return bench::run_benchmark("two servers with the shop, 200 requests a second", run);
}
