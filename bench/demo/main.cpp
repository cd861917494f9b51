// The demo: two bare servers become a pair from one file, the shop is deployed from git, visitors come, and while they
// shop the servers change places and back; then the primary loses its power, a broken release is deployed, and what a
// site needs besides goes through another change of places. It leaves the lab up and says how to look around. Figures
// go to build/demo.json.
#include "around.hpp"
#include "bad_days.hpp"
#include "base/text.hpp"
#include "lab/shop_pair.hpp"
#include "lab/visitors.hpp"
#include "say.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <iostream>
#include <sstream>

namespace {

using namespace tandem;
using demo::say;
using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr auto* lab_name = "demo";
constexpr double most_held_ms = 1000;
constexpr int load_seconds = 90;

void chapter(const std::string& title) {
  std::cout << "\n" << title << std::endl;
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

Result<void> set_up(lab::ShopPair& pair, Json& figures) {
  chapter("Two bare Debian servers, uno and duo, become a pair from one file");
  for (const auto* host : {"uno", "duo"})
    TANDEM_CHECK(pair.install(host));
  TANDEM_CHECK(pair.write_toml("uno", lab::shop_toml()));
  TANDEM_TRY(const auto token, pair.init());
  TANDEM_CHECK(pair.join_second(token));
  const auto apply_began = Clock::now();
  TANDEM_CHECK(pair.tandem("uno", {"apply"}));
  figures["first_apply_s"] = seconds_since(apply_began);
  const auto plan_began = Clock::now();
  TANDEM_TRY(const auto plan, pair.tandem("uno", {"plan"}));
  figures["next_plan_ms"] = 1000 * seconds_since(plan_began);
  if (!plan.contains("no changes")) return failed("a second plan still finds changes:\n" + plan);
  return {};
}

Result<void> deploy(lab::ShopPair& pair, Json& figures) {
  chapter("The shop is deployed from git");
  TANDEM_CHECK(pair.publish_shop());
  const auto began = Clock::now();
  TANDEM_CHECK(pair.tandem("uno", {"deploy", lab::shop_domain}));
  figures["deploy_s"] = seconds_since(began);
  TANDEM_CHECK(pair.fetch("uno", "/"));
  return {};
}

// While visitors come: duo takes over, and uno again.
Result<void> change_places(lab::ShopPair& pair, lab::Visitors& visitors, Json& figures) {
  double longest = 0;
  for (const auto* host : {"uno", "duo"}) {
    if (!visitors.shop_for(8)) return failed("the visitors left before the servers changed places");
    say(fmt::format("---- tandem switchover, typed on {}", host));
    const auto began = Clock::now();
    TANDEM_CHECK(pair.tandem(host, {"switchover"}));
    longest = std::max(longest, seconds_since(began));
  }
  figures["switchover_s"] = longest;
  return {};
}

Result<void> visit(lab::Lab& lab, lab::ShopPair& pair, Json& figures) {
  chapter("Visitors: 200 requests a second, a fifth of them orders and photos; meanwhile the servers change places");
  TANDEM_TRY(const auto visitors,
             lab::Visitors::come(lab, {.tool = TANDEM_LOAD, .seconds = load_seconds, .progress = say}));
  const auto changed = change_places(pair, *visitors, figures);
  TANDEM_TRY(const auto left, visitors->leave());
  TANDEM_CHECK(changed);
  const auto summary = Json::parse(left);
  TANDEM_TRY(const auto compared, lab::compare_with_shop(lab, "uno", "visitors"));
  for (const auto* name : {"requests", "failed"})
    figures[name] = summary.at(name);
  figures["held_ms"] = summary.at("longest_pause").at("writes").at("ms");
  for (const auto* name : {"lost", "doubled"})
    figures[name] = Json::parse(compared).at(name);
  return {};
}

std::string table(const Json& figures) {
  std::string text;
  for (const auto& [name, value] : figures.items())
    text += fmt::format("  {:<16} {}\n", name,
                        value.is_number_float() ? fmt::format("{:.1f}", value.get<double>()) : value.dump());
  return text;
}

Result<void> tell_story(Json& figures) {
  chapter("A lab of three servers: uno and duo, and tre, the outside world");
  TANDEM_TRY(auto lab, lab::Lab::up({.name = lab_name, .fresh = true}, say));
  lab::ShopPair pair(lab, {.package = TANDEM_PACKAGE, .shop = std::string(TANDEM_SOURCE_DIR) + "/examples/shop"}, say);
  TANDEM_CHECK(set_up(pair, figures));
  TANDEM_CHECK(deploy(pair, figures));
  TANDEM_CHECK(visit(lab, pair, figures));
  chapter("A bad day: the primary loses its power while visitors shop; the standby takes over at a word");
  TANDEM_CHECK(demo::power_cut(lab, pair, figures));
  chapter("Another: a release that does not start is deployed; no visitor sees it");
  TANDEM_CHECK(demo::bad_deploy(lab, pair, figures));
  chapter(
      "And all around the site: certificates by ACME, Celery, uploads by SFTP, names; the servers change places amid");
  return demo::around_a_site(lab, pair, figures);
}

} // namespace

int main() {
  Json figures = Json::object();
  const auto told = tell_story(figures);
  if (!told) std::cerr << "\nThe demo stopped: " << describe(told.error()) << std::endl;
  chapter("Figures");
  std::cout << table(figures);
  std::ofstream(std::string(TANDEM_SOURCE_DIR) + "/build/demo.json") << figures.dump(2) << "\n";
  chapter("Look around");
  const std::string command = "build/release/lab/tandem-lab";
  std::cout << "  " << command << " run uno --name demo -- tandem status\n"
            << "  " << command << " run uno --name demo -- bash\n"
            << "  " << command << " down --name demo\n";
  const bool clean = told && figures["failed"] == 0 && figures["lost"] == 0 && figures["doubled"] == 0 &&
                     figures["held_ms"].get<double>() < most_held_ms && figures["lost_before_announced"] == 0 &&
                     figures["failed_in_bad_deploy"] == 0 && figures["tasks_lost"] == 0 &&
                     figures["tasks_doubled"] == 0 && figures["uploads_lost"] == 0 && figures["uploads_doubled"] == 0 &&
                     figures["names_wrong"] == 0;
  return clean ? 0 : 1;
}
