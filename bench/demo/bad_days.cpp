#include "bad_days.hpp"

#include "lab/wait.hpp"
#include "say.hpp"

namespace tandem::demo {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto rejoin_limit = std::chrono::minutes(5);
constexpr int after_the_cut_seconds = 90;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

bool is_whole(lab::Lab& lab) {
  const auto said = lab.run("duo", {"tandem", "status", "--json"}, {.time_limit = std::chrono::seconds(15)});
  if (!said || !said->ok()) return false;
  const auto status = Json::parse(said->output, nullptr, false);
  if (status.is_discarded() || !status["problems"].empty()) return false;
  for (const auto& server : status["servers"])
    if (server["name"] == "uno") return server["role"].value("duty", "") == "follow duo";
  return false;
}

// "acknowledged at TIME, …"; times are UTC and written alike, so that they compare as texts.
std::string acknowledged_at(const Json& finding) {
  const auto text = finding.at("what").get<std::string>();
  const std::string begin = "acknowledged at ";
  const auto from = text.find(begin);
  const auto to = text.find(',');
  return from == std::string::npos ? "" : text.substr(from + begin.size(), to - from - begin.size());
}

// What was lost must have been acknowledged after the moment that the failover named: of the database for orders, of
// the files for photos.
void count_lost(const Json& comparison, const Json& failover, Json& figures) {
  int before = 0;
  int after = 0;
  for (const auto& finding : comparison.at("findings").at("lost")) {
    const bool photo = finding.at("kind") == "photo";
    auto moment = failover.at(photo ? "files_to" : "committed_to").get<std::string>();
    if (moment.ends_with('Z')) moment.pop_back(); // the other is written with more digits behind the seconds
    ++(acknowledged_at(finding).substr(0, moment.size()) < moment ? before : after);
  }
  figures["lost_before_announced"] = before;
  figures["lost_after_announced"] = after;
}

Result<Json> fail_over(lab::Lab& lab, lab::ShopPair& pair, Json& figures) {
  say("---- uno loses its power");
  TANDEM_CHECK(lab.cut("uno"));
  say("---- tandem failover --alone uno, typed on duo");
  const auto began = Clock::now();
  TANDEM_TRY(const auto text, pair.tandem("duo", {"failover", "--alone", "uno", "--json"}));
  TANDEM_CHECK(pair.fetch("duo", "/"));
  figures["failover_s"] = seconds_since(began);
  auto answer = Json::parse(text, nullptr, false);
  if (answer.is_discarded()) return failed("the failover's answer is no JSON: " + text);
  return answer;
}

Result<void> come_back(lab::Lab& lab, lab::ShopPair& pair, Json& figures) {
  say("---- uno's power is back; it follows by itself");
  const auto began = Clock::now();
  TANDEM_CHECK(lab.boot("uno"));
  if (!lab::wait_until([&] { return is_whole(lab); }, rejoin_limit))
    return failed("uno does not follow duo after its return", "tandem status and journalctl -u tandem on both say why");
  figures["rejoin_s"] = seconds_since(began);
  TANDEM_TRY(const auto events, pair.tandem("duo", {"events"}));
  return {};
}

constexpr auto* break_the_shop = R"(
set -e
rm -rf /srv/git/broken
git clone -q /srv/git/shop.git /srv/git/broken
cd /srv/git/broken
git config user.email lab@example.org
git config user.name lab
echo 'raise RuntimeError("this release does not start")' >> shop/wsgi.py
git commit -q -a -m "It does not start"
git push -q origin main
)";

} // namespace

Result<void> power_cut(lab::Lab& lab, lab::ShopPair& pair, Json& figures) {
  TANDEM_CHECK(pair.tandem("uno", {"files", "reconcile"}));
  TANDEM_TRY(const auto visitors, lab::Visitors::come(lab, {.tool = TANDEM_LOAD,
                                                            .name = "crash",
                                                            .connect = "10.77.0.12",
                                                            .seconds = after_the_cut_seconds,
                                                            .progress = say}));
  if (!visitors->shop_for(8)) return failed("the visitors left before the power cut");
  const auto answer = fail_over(lab, pair, figures);
  const auto back = answer ? come_back(lab, pair, figures) : Result<void>();
  TANDEM_TRY(const auto left, visitors->leave());
  TANDEM_CHECK(answer);
  TANDEM_CHECK(back);
  figures["failed_in_failover"] = Json::parse(left).at("failed");
  TANDEM_TRY(const auto compared, lab::compare_with_shop(lab, "duo", "crash"));
  count_lost(Json::parse(compared), *answer, figures);
  return {};
}

Result<void> bad_deploy(lab::Lab& lab, lab::ShopPair& pair, Json& figures) {
  TANDEM_CHECK(lab.run_checked("tre", {"sh", "-c", break_the_shop}, {.user = "git"}));
  TANDEM_TRY(
      const auto visitors,
      lab::Visitors::come(
          lab, {.tool = TANDEM_LOAD, .name = "deploy", .connect = "10.77.0.12", .seconds = 30, .progress = say}));
  if (!visitors->shop_for(5)) return failed("the visitors left before the deploy");
  say("---- tandem deploy of a commit that does not start, typed on duo");
  const auto deployed = pair.try_tandem("duo", {"deploy", lab::shop_domain});
  TANDEM_TRY(const auto left, visitors->leave());
  TANDEM_CHECK(deployed);
  if (deployed->ok()) return failed("a release that does not start was taken for good");
  figures["failed_in_bad_deploy"] = Json::parse(left).at("failed");
  return {};
}

} // namespace tandem::demo
