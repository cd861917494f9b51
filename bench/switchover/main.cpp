// The switchover under 200 requests a second, beside the same change by hand on the same two servers in the same run:
// build/bench/switchover.json.
#include "base/text.hpp"
#include "by_hand.hpp"
#include "lab/shop_pair.hpp"
#include "lab/visitors.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>

namespace {

using namespace tandem;
using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr auto* lab_name = "bench";
constexpr int rounds = 6; // an even number: uno is the primary again at the end

void say(const std::string& line) {
  std::cout << "  " << line << std::endl;
}

struct Series {
  std::string what;
  std::string system;
  std::string unit;
  std::vector<double> values = {};
};

Json json_of(Series series) {
  std::ranges::sort(series.values);
  const auto at = [&](double part) {
    return series.values[static_cast<std::size_t>(part * static_cast<double>(series.values.size() - 1) + 0.5)];
  };
  return {{"case", series.what},
          {"system", series.system},
          {"n", series.values.size()},
          {"median", at(0.5)},
          {"min", at(0)},
          {"max", at(1)},
          {"p99", at(0.99)},
          {"unit", series.unit}};
}

Result<void> set_up(lab::ShopPair& pair) {
  for (const auto* host : {"uno", "duo"})
    TANDEM_CHECK(pair.install(host));
  TANDEM_CHECK(pair.write_toml("uno", lab::shop_toml()));
  TANDEM_TRY(const auto token, pair.init());
  TANDEM_CHECK(pair.join_second(token));
  TANDEM_CHECK(pair.tandem("uno", {"apply"}));
  TANDEM_CHECK(pair.publish_shop());
  TANDEM_CHECK(pair.tandem("uno", {"deploy", lab::shop_domain}));
  TANDEM_CHECK(pair.fetch("uno", "/"));
  return {};
}

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
    const auto began = Clock::now();
    TANDEM_CHECK(pair.tandem("uno", {"switchover"}));
    measured.command.values.push_back(std::chrono::duration<double>(Clock::now() - began).count());
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

Result<void> run() {
  std::cout << "two servers with the shop, 200 requests a second" << std::endl;
  TANDEM_TRY(auto lab, lab::Lab::up({.name = lab_name, .fresh = true}, say));
  lab::ShopPair pair(lab, {.package = TANDEM_PACKAGE, .shop = std::string(TANDEM_SOURCE_DIR) + "/examples/shop"}, say);
  TANDEM_CHECK(set_up(pair));
  Measured measured;
  TANDEM_CHECK(measure_tandem(lab, pair, measured));
  TANDEM_CHECK(measure_floor(lab, measured));
  Json results = Json::array();
  for (const auto& series : {measured.pause, measured.command, measured.failed, measured.floor})
    results.push_back(json_of(series));
  const std::string folder = std::string(TANDEM_SOURCE_DIR) + "/build/bench";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/switchover.json") << results.dump(2) << "\n";
  std::cout << results.dump(2) << "\npause, tandem to by hand: "
            << fmt::format("{:.2f}", results[0]["median"].get<double>() / results[3]["median"].get<double>())
            << std::endl;
  return lab::Lab::down(lab_name, say);
}

} // namespace

int main() {
  const auto done = run();
  if (done) return 0;
  std::cerr << "the benchmark stopped: " << describe(done.error()) << "\n"
            << "its lab is still up: build/release/lab/tandem-lab down --name bench" << std::endl;
  return 1;
}
