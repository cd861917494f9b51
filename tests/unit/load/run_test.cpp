// The whole tool against a real server on loopback: it must count exactly what the server did.
#include "bench/load/compare.hpp"
#include "bench/load/run.hpp"
#include "fake_shop.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

namespace tandem::load {
namespace {

using std::chrono::milliseconds;
using How = Reply::How;

// A signal that came after a run's end would stop the next test's run.
struct NoLateSignals {
  ~NoLateSignals() {
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    const timespec none{};
    while (sigtimedwait(&stops, nullptr, &none) > 0) {
    }
  }
};

class LoadRun : public testing::Test {
protected:
  LoadRun() : server_([this](const Asked& asked) { return shop_.handle(asked); }) {
    settings_.domain = "shop.test";
    settings_.connect = {"127.0.0.1", std::to_string(server_.port())};
    settings_.ca_file = Server::certificate_file();
    settings_.run = "t1";
    settings_.ledger = std::filesystem::path(testing::TempDir()) / fmt::format("run-ledger-{}", getpid());
    settings_.mix.rate = 100;
    settings_.mix.media = true;
    settings_.mix.photos = 0.3;
    settings_.most_requests = 200;
    settings_.visitors = 4;
    settings_.timeout = milliseconds(60'000); // a busy machine is no failure of the shop
  }

  ~LoadRun() override { std::filesystem::remove(settings_.ledger); }

  void only(Protocol protocol) { settings_.mix.http2 = protocol == Protocol::http2 ? 1 : 0; }

  Summary run_it(const RunCallbacks& callbacks = {}) {
    auto summary = run(settings_, callbacks);
    EXPECT_TRUE(summary) << summary.error().message;
    return summary ? std::move(*summary) : Summary{};
  }

  Ledger ledger() const {
    std::ifstream file(settings_.ledger, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    auto parsed = parse_ledger(text.str());
    EXPECT_TRUE(parsed) << parsed.error().message;
    return parsed ? *parsed : Ledger{};
  }

  Comparison comparison() const { return compare({ledger()}, *parse_shop_account(shop_.account())); }

  static std::map<std::string, std::uint64_t> by_reason(const Summary& summary) {
    std::map<std::string, std::uint64_t> counts;
    for (const auto& cause : summary.figures.causes())
      counts[cause.reason] += cause.count;
    return counts;
  }

  NoLateSignals no_late_signals_; // ends after the server, whose threads send signals
  FakeShop shop_;
  Server server_;
  RunSettings settings_;
};

class LoadRunOnEach : public LoadRun, public testing::WithParamInterface<Protocol> {};

std::string protocol_name(const testing::TestParamInfo<Protocol>& info) {
  return info.param == Protocol::http1 ? "Http1" : "Http2";
}

INSTANTIATE_TEST_SUITE_P(Protocol, LoadRunOnEach, testing::Values(Protocol::http1, Protocol::http2), protocol_name);

TEST_P(LoadRunOnEach, AHealthyShopHasNoFailureAndEveryWriteIsFound) {
  only(GetParam());
  Summary summary = run_it();
  EXPECT_EQ(summary.figures.requests, 200U);
  EXPECT_EQ(summary.figures.ok, 200U) << to_text(summary);
  EXPECT_EQ(shop_.requests(), 200U);
  EXPECT_EQ(summary.figures.acknowledged, 40U);
  Comparison result = comparison();
  EXPECT_TRUE(result.good());
  EXPECT_EQ(result.acknowledged, 40U);
  EXPECT_TRUE(result.unacknowledged_present.empty());
  EXPECT_EQ(summary.stopped_by, "count");
  // A fifth on connections of their own, a few kept ones for all others.
  EXPECT_GE(server_.connections, summary.figures.on_fresh);
  EXPECT_EQ(server_.connections, summary.connections_opened);
  EXPECT_GT(summary.connections_reused, 0U);
}

TEST_P(LoadRunOnEach, EveryFaultIsCountedByItsReason) {
  only(GetParam());
  std::map<std::string, std::uint64_t> done;
  shop_.fault = [&](const Asked&) -> std::optional<Reply> {
    auto fault = [&](const char* name, Reply reply) {
      ++done[name];
      return reply;
    };
    switch (shop_.requests() % 12) {
    case 1:
      return fault("status 503", {.status = 503, .headers = {}, .body = "closed for today"});
    case 4:
      return fault("broken", {.headers = {}, .body = {}, .how = How::broken_before});
    case 7:
      return fault("cut", {.headers = {}, .body = std::string(40'000, 'x'), .how = How::broken_amid});
    default:
      return std::nullopt;
    }
  };
  Summary summary = run_it();
  auto counts = by_reason(summary);
  EXPECT_EQ(shop_.requests(), 200U);
  EXPECT_EQ(counts["status 503"], done["status 503"]) << to_text(summary);
  EXPECT_EQ(counts[GetParam() == Protocol::http1 ? "connection closed" : "stream reset"], done["broken"]);
  EXPECT_EQ(counts["answer cut short"], done["cut"]);
  EXPECT_EQ(done.size(), 3U);
  EXPECT_EQ(summary.figures.failures, done["status 503"] + done["broken"] + done["cut"]);
  EXPECT_EQ(summary.figures.ok, 200U - summary.figures.failures);
  EXPECT_TRUE(comparison().good());
}

TEST_P(LoadRunOnEach, WhatIsNeverAnsweredTimesOutOnceEach) {
  only(GetParam());
  settings_.most_requests = 40;
  settings_.timeout = milliseconds(3'000); // the tokens are got within it too
  shop_.fault = [](const Asked&) { return Reply{.headers = {}, .body = {}, .how = How::none}; };
  Summary summary = run_it();
  EXPECT_EQ(by_reason(summary)["timed out"], 40U) << to_text(summary);
  EXPECT_EQ(summary.figures.ok, 0U);
  EXPECT_GE(summary.figures.longest_wait_ms, 3'000);
  EXPECT_EQ(comparison().failed, summary.figures.writes);
}

TEST_P(LoadRunOnEach, AWriteThatIsDoneButNotAnsweredIsAFailureAndNotALoss) {
  only(GetParam());
  settings_.mix.writes = 1;
  settings_.most_requests = 60;
  shop_.after_keeping = true;
  shop_.fault = [&](const Asked&) -> std::optional<Reply> {
    if (shop_.requests() % 3 != 0) return std::nullopt;
    return Reply{.headers = {}, .body = {}, .how = How::broken_before};
  };
  Summary summary = run_it();
  EXPECT_EQ(summary.figures.failed_writes, 20U) << to_text(summary);
  Comparison result = comparison();
  EXPECT_TRUE(result.good());
  EXPECT_EQ(result.failed, 20U);
  EXPECT_EQ(result.unacknowledged_present.size(), 20U);
}

TEST_P(LoadRunOnEach, AKeptConnectionThatWasClosedWhileIdleIsNoFailure) {
  only(GetParam());
  settings_.mix.media = false;
  settings_.mix.fresh = 0;
  settings_.most_requests = 12;
  settings_.http2_connections = 1;
  shop_.fault = [&](const Asked& asked) -> std::optional<Reply> {
    if (asked.method != "GET") return std::nullopt;
    return Reply{.headers = {}, .body = "x", .how = How::then_closed};
  };
  // Over HTTP/2 a busy machine may start a request while the one before it, and so the close, is still unanswered. The
  // shop never sees it then, and it fails rightly. At some pace each answer is there before the next request is due.
  std::uint64_t unseen = 1;
  for (double rate = 20; unseen > 0 && rate > 0.2; rate /= 2) {
    settings_.mix.rate = rate;
    const std::uint64_t before = shop_.requests();
    const std::uint64_t connections_before = server_.connections;
    Summary summary = run_it();
    unseen = 12 - (shop_.requests() - before);
    ASSERT_EQ(summary.figures.failures, unseen) << to_text(summary);
    if (unseen == 0) {
      EXPECT_GE(server_.connections - connections_before, 8U); // a fifth are writes, which close nothing
    }
  }
  EXPECT_EQ(unseen, 0U);
}

TEST_P(LoadRunOnEach, AnAnnouncedCloseIsHeededEvenUnderLoad) {
  only(GetParam());
  settings_.mix.fresh = 0;
  settings_.mix.media = false;
  shop_.fault = [&](const Asked& asked) -> std::optional<Reply> {
    if (asked.method != "GET" || shop_.requests() % 2 != 0) return std::nullopt;
    return Reply{.headers = {}, .body = "x", .how = How::then_announced};
  };
  Summary summary = run_it();
  EXPECT_EQ(summary.figures.failures, 0U) << to_text(summary);
  EXPECT_GE(server_.connections, 20U);
}

TEST_P(LoadRunOnEach, RequestsStartByTheClockHoweverSlowTheAnswers) {
  only(GetParam());
  settings_.mix.rate = 100;
  settings_.mix.fresh = 1;
  settings_.most_requests = 100;
  shop_.fault = [&](const Asked&) -> std::optional<Reply> {
    return Reply{.status = 503, .headers = {}, .body = {}, .delay = milliseconds(800)};
  };
  Summary summary = run_it();
  EXPECT_EQ(by_reason(summary)["status 503"], 100U);
  EXPECT_GE(summary.figures.longest_wait_ms, 800);
  // One after the other they would have taken 80 s.
  EXPECT_LT(summary.ended - summary.begun, std::chrono::seconds(20));
}

TEST_P(LoadRunOnEach, ASlowUploadIsSentAtItsPaceAndArrivesWhole) {
  only(GetParam());
  settings_.mix.writes = 1;
  settings_.mix.rate = 20;
  settings_.mix.slow_photo_every = milliseconds(60'000); // the first write
  settings_.slow_photo_size = 60'000;
  settings_.slow_photo_bytes_per_second = 40'000;
  settings_.most_requests = 60;
  Summary summary = run_it();
  EXPECT_EQ(summary.figures.failures, 0U) << to_text(summary);
  EXPECT_GE(shop_.longest_body(), milliseconds(1'200));
  EXPECT_TRUE(comparison().good());
}

TEST_P(LoadRunOnEach, ASignalStopsStartingAndHurriesSlowUploads) {
  only(GetParam());
  settings_.mix.writes = 1;
  settings_.mix.rate = 40;
  settings_.mix.slow_photo_every = milliseconds(60'000);
  settings_.slow_photo_size = 200'000;
  settings_.slow_photo_bytes_per_second = 1'000; // 200 s
  settings_.most_requests = 1'000'000;
  auto self = pthread_self();
  shop_.fault = [&](const Asked&) -> std::optional<Reply> {
    if (shop_.requests() == 50) pthread_kill(self, SIGTERM);
    return std::nullopt;
  };
  Summary summary = run_it();
  EXPECT_EQ(summary.stopped_by, "signal");
  EXPECT_EQ(summary.figures.failures, 0U) << to_text(summary);
  EXPECT_EQ(summary.figures.requests, shop_.requests());
  EXPECT_LT(summary.ended - summary.begun, std::chrono::seconds(60));
  EXPECT_TRUE(comparison().good());
  EXPECT_EQ(comparison().unknown, 0U);
}

TEST_P(LoadRunOnEach, ASecondSignalGivesUpWhatIsInFlight) {
  only(GetParam());
  settings_.most_requests = 40;
  auto self = pthread_self();
  shop_.fault = [&](const Asked&) -> std::optional<Reply> {
    if (shop_.requests() == 40) {
      pthread_kill(self, SIGTERM); // counts as the first one or finds the run stopped by its count
      std::thread([self] { pthread_kill(self, SIGINT); }).join();
    }
    return Reply{.headers = {}, .body = {}, .how = How::none};
  };
  Summary summary = run_it();
  EXPECT_EQ(by_reason(summary)["given up"], 40U) << to_text(summary);
}

TEST_F(LoadRun, ARequestThatTheServerSaysItRefusedIsStillAFailure) {
  only(Protocol::http2);
  settings_.mix.fresh = 1;
  settings_.most_requests = 20;
  shop_.fault = [&](const Asked&) -> std::optional<Reply> {
    if (shop_.requests() % 4 != 0) return std::nullopt;
    return Reply{.headers = {}, .body = {}, .how = How::refused};
  };
  Summary summary = run_it();
  EXPECT_EQ(by_reason(summary)["stream refused"], 5U) << to_text(summary);
  EXPECT_EQ(shop_.requests(), 20U) << "nothing is sent again";
}

TEST_F(LoadRun, NewConnectionsFollowTheConnectFile) {
  FakeShop other_shop;
  Server other([&](const Asked& asked) { return other_shop.handle(asked); });
  settings_.connect_file = settings_.ledger.string() + ".connect";
  auto point_to = [&](int port) { std::ofstream(settings_.connect_file) << "127.0.0.1:" << port << "\n"; };
  point_to(server_.port());
  settings_.connect = {"127.0.0.1", "1"};
  settings_.mix.fresh = 1;
  settings_.mix.rate = 40;
  settings_.most_requests = 10'000;
  auto self = pthread_self();
  shop_.fault = [&](const Asked&) -> std::optional<Reply> {
    if (shop_.requests() == 20) point_to(other.port());
    return std::nullopt;
  };
  other_shop.fault = [&](const Asked&) -> std::optional<Reply> {
    if (other_shop.requests() == 20) pthread_kill(self, SIGTERM);
    return std::nullopt;
  };
  settings_.mix.media = false; // the other shop has no photos of this one
  Summary summary = run_it();
  std::filesystem::remove(settings_.connect_file);
  EXPECT_EQ(summary.figures.failures, 0U) << to_text(summary);
  EXPECT_GE(shop_.requests(), 20U);
  EXPECT_GE(other_shop.requests(), 20U);
  EXPECT_EQ(shop_.requests() + other_shop.requests(), summary.figures.requests);
}

TEST_F(LoadRun, AServerThatIsGoneRefusesEachRequestOnce) {
  settings_.connect_file = settings_.ledger.string() + ".connect";
  settings_.mix.fresh = 1;
  settings_.most_requests = 50;
  RunCallbacks callbacks;
  callbacks.on_ready = [&] { std::ofstream(settings_.connect_file) << "127.0.0.1:1\n"; };
  Summary summary = run_it(callbacks);
  std::filesystem::remove(settings_.connect_file);
  EXPECT_EQ(by_reason(summary)["connection refused"], 50U) << to_text(summary);
}

TEST_F(LoadRun, AForeignCertificateOrDomainIsRefused) {
  settings_.domain = "other.test";
  auto other_domain = run(settings_, {});
  ASSERT_FALSE(other_domain);
  EXPECT_NE(other_domain.error().message.find("bad certificate"), std::string::npos) << other_domain.error().message;
  settings_.domain = "shop.test";
  settings_.ca_file = "";
  auto unknown_issuer = run(settings_, {});
  ASSERT_FALSE(unknown_issuer);
  EXPECT_NE(unknown_issuer.error().message.find("bad certificate"), std::string::npos);
}

TEST_F(LoadRun, AShopWithoutAFormEndsTheRunBeforeItBegins) {
  Server empty([](const Asked&) { return Reply{.headers = {}, .body = "no form"}; });
  settings_.connect.port = std::to_string(empty.port());
  auto result = run(settings_, {});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("csrfmiddlewaretoken"), std::string::npos) << result.error().message;
}

TEST_F(LoadRun, ProgressAddsUpToTheSummary) {
  settings_.mix.rate = 100;
  settings_.most_requests = 250;
  std::uint64_t last = 0;
  std::uint64_t lines = 0;
  RunCallbacks callbacks;
  callbacks.on_progress = [&](const Progress& progress) {
    ++lines;
    EXPECT_GE(progress.answered, last);
    last = progress.answered;
  };
  Summary summary = run_it(callbacks);
  EXPECT_GE(lines, 2U);
  EXPECT_LE(last, summary.figures.ok);
  EXPECT_GE(summary.stopped - summary.begun, milliseconds(2'490));
}

TEST(Address, IsReadInEveryUsualForm) {
  EXPECT_EQ(parse_address("10.0.0.1")->port, "443");
  EXPECT_EQ(parse_address("10.0.0.1:8443")->port, "8443");
  EXPECT_EQ(parse_address("[2001:db8::1]:8443")->host, "2001:db8::1");
  EXPECT_EQ(parse_address("2001:db8::1")->host, "2001:db8::1");
  for (auto bad : {"", "shop.example", "10.0.0.1:", "10.0.0.1:70000", "[::1", "[::1]x", "10.0.0"}) {
    EXPECT_FALSE(parse_address(bad)) << bad;
  }
}

} // namespace
} // namespace tandem::load
