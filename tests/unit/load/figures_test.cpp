#include "bench/load/figures.hpp"
#include "bench/load/summary.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tandem::load {
namespace {

using std::chrono::milliseconds;

Moment at(int ms) {
  return Moment(milliseconds(1'000'000 + ms));
}

TEST(Figures, QuantilesAreByNearestRank) {
  std::vector<float> hundred;
  for (int i = 100; i >= 1; --i)
    hundred.push_back(static_cast<float>(i));
  auto q = quantiles_of(hundred);
  EXPECT_EQ(q.n, 100U);
  EXPECT_EQ(q.p50, 50);
  EXPECT_EQ(q.p90, 90);
  EXPECT_EQ(q.p99, 99);
  EXPECT_EQ(q.max, 100);
}

TEST(Figures, QuantilesOfFewSamplesAreSamples) {
  EXPECT_EQ(quantiles_of({}).n, 0U);
  EXPECT_EQ(quantiles_of({}).max, 0);
  auto one = quantiles_of({7});
  EXPECT_EQ(one.p50, 7);
  EXPECT_EQ(one.p99, 7);
  auto two = quantiles_of({9, 1});
  EXPECT_EQ(two.p50, 1);
  EXPECT_EQ(two.p90, 9);
}

TEST(Figures, ThePauseAfterTheLastEventCountsAndTheOneBeforeTheFirstDoesNot) {
  Pauses first;
  first.begin(at(0));
  first.mark(at(300));
  first.mark(at(400));
  first.end(at(450));
  EXPECT_EQ(first.longest().from, at(300));
  EXPECT_EQ(first.longest().milliseconds(), 100);
  Pauses last;
  last.begin(at(0));
  last.mark(at(10));
  last.end(at(500));
  EXPECT_EQ(last.longest().from, at(10));
  EXPECT_EQ(last.longest().to, at(500));
}

TEST(Figures, WithoutAnyEventThePauseIsTheWholeRun) {
  Pauses none;
  none.begin(at(0));
  none.end(at(700));
  EXPECT_EQ(none.longest().milliseconds(), 700);
}

TEST(Figures, TheLongestPauseIsKeptWithItsPlace) {
  Pauses pauses;
  pauses.begin(at(0));
  for (int ms : {10, 20, 270, 280, 400})
    pauses.mark(at(ms));
  pauses.end(at(390)); // an event came after the end of the watch
  EXPECT_EQ(pauses.longest().from, at(20));
  EXPECT_EQ(pauses.longest().milliseconds(), 250);
}

Measured request(Kind kind, int scheduled) {
  return {kind, Protocol::http2, false, at(scheduled), {}};
}

TEST(Figures, LatencyCountsFromTheScheduledMoment) {
  Figures figures;
  figures.begin(at(0));
  auto late = request(Kind::order, 100);
  figures.started(late, at(140)); // the tool itself was late
  figures.answered(late, at(150));
  figures.stopped(at(200));
  figures.end();
  EXPECT_EQ(figures.start_delay_ms, 40);
  EXPECT_EQ(figures.longest_wait_ms, 50);
  for (const auto& latency : figures.latencies()) {
    const double expected = latency.protocol == "http/1.1" ? 0 : 50;
    EXPECT_EQ(latency.quantiles.max, expected) << latency.kind << " " << latency.protocol;
  }
}

TEST(Figures, ASlowUploadThatEndsAfterTheStopIsNoPause) {
  Figures figures;
  figures.begin(at(0));
  for (int ms = 0; ms <= 1000; ms += 100)
    figures.answered(request(Kind::order, ms), at(ms));
  figures.stopped(at(1000));
  figures.answered(request(Kind::slow_photo, 50), at(9000));
  figures.end();
  EXPECT_EQ(figures.write_pauses.longest().milliseconds(), 100);
  EXPECT_EQ(figures.acknowledged, 12U);
}

TEST(Figures, AWriteHeldOverTheStopIsAPause) {
  Figures figures;
  figures.begin(at(0));
  figures.answered(request(Kind::order, 0), at(10));
  figures.stopped(at(500));
  figures.answered(request(Kind::order, 20), at(900));
  figures.end();
  EXPECT_EQ(figures.write_pauses.longest().milliseconds(), 890);
}

TEST(Figures, FailuresAreCountedByKindProtocolAndReason) {
  Figures figures;
  figures.begin(at(0));
  figures.failed(request(Kind::order, 0), {"status 503", ""}, at(10));
  figures.failed(request(Kind::order, 1), {"status 503", ""}, at(20));
  figures.failed(request(Kind::home, 2), {"timed out", ""}, at(30));
  auto causes = figures.causes();
  ASSERT_EQ(causes.size(), 2U);
  EXPECT_EQ(causes[1].count, 2U);
  EXPECT_EQ(causes[1].reason, "status 503");
  EXPECT_EQ(causes[1].first, at(10));
  EXPECT_EQ(causes[1].last, at(20));
  EXPECT_EQ(figures.failed_writes, 2U);
  EXPECT_EQ(figures.first_failed.size(), 3U);
}

TEST(Figures, TheSummaryReadsBackAsJson) {
  Summary summary;
  summary.run = "r1";
  summary.begun = at(0);
  summary.stopped = at(1000);
  summary.figures.begin(at(0));
  summary.figures.started(request(Kind::order, 0), at(0));
  summary.figures.failed(request(Kind::order, 0), {"bad answer", "\xff is no text"}, at(10));
  summary.figures.stopped(at(1000));
  summary.figures.end();
  auto json = nlohmann::json::parse(to_json(summary));
  EXPECT_EQ(json["requests"], 1);
  EXPECT_EQ(json["failed"], 1);
  EXPECT_EQ(json["longest_pause"]["writes"]["ms"], 1000);
  EXPECT_EQ(json["failures"][0]["reason"], "bad answer");
  EXPECT_NE(to_text(summary).find("1 requests in 1.0 s, 0 answered, 1 failed"), std::string::npos);
}

} // namespace
} // namespace tandem::load
