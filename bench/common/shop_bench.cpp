#include "common/shop_bench.hpp"

#include <fmt/format.h>

#include <iostream>

namespace tandem::bench {

void say(const std::string& line) {
  std::cout << "  " << line << std::endl;
}

lab::ShopPair shop_pair(lab::Lab& lab) {
  return {lab, {.package = TANDEM_PACKAGE, .shop = fmt::format("{}/examples/shop", TANDEM_SOURCE_DIR)}, say};
}

Result<void> set_up_pair(lab::ShopPair& pair, const std::string& toml) {
  for (const auto* host : {"uno", "duo"})
    TANDEM_CHECK(pair.install(host));
  TANDEM_CHECK(pair.write_toml("uno", toml));
  TANDEM_TRY(const auto token, pair.init());
  TANDEM_CHECK(pair.join_second(token));
  TANDEM_CHECK(pair.tandem("uno", {"apply"}));
  return {};
}

Result<void> set_up_shop(lab::ShopPair& pair, const std::string& toml) {
  TANDEM_CHECK(set_up_pair(pair, toml));
  TANDEM_CHECK(pair.publish_shop());
  TANDEM_CHECK(pair.tandem("uno", {"deploy", lab::shop_domain}));
  TANDEM_CHECK(pair.fetch("uno", "/"));
  return {};
}

int run_benchmark(const std::string& title, Result<void> (*work)(lab::Lab& lab)) {
  std::cout << title << std::endl;
  const auto run = [&]() -> Result<void> {
    TANDEM_TRY(auto lab, lab::Lab::up({.name = lab_name, .fresh = true}, say));
    TANDEM_CHECK(work(lab));
    return lab::Lab::down(lab_name, say);
  };
  const auto done = run();
  if (done) return 0;
  std::cerr << "the benchmark stopped: " << describe(done.error()) << "\n"
            << "its lab is still up: build/release/lab/tandem-lab down --name " << lab_name << std::endl;
  return 1;
}

} // namespace tandem::bench
