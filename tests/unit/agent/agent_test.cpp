// Operations, their callers, and the agent's end.
#include "support.hpp"

#include <future>

namespace tandem::agent {
namespace {

using testing::eventually;
using testing::Two;

// An operation that waits until the test lets it go, and says what became of it.
struct Blocking {
  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  std::atomic<bool> go = false;
  std::atomic<bool> was_cancelled = false;

  Operation operation(std::string name, std::set<std::string> locks = {}, Urgency urgency = Urgency::asked) {
    return {.name = std::move(name),
            .callers = {Caller::command},
            .locks = std::move(locks),
            .urgency = urgency,
            .needs_pair = false,
            .run = [this](OperationContext& context) -> Result<Json> {
              ++begun;
              context.report("begun");
              while (!go && !context.cancelled())
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
              was_cancelled = context.cancelled();
              ++ended;
              return Json("done");
            }};
  }
};

// Both are members and connected.
struct Joined : ::testing::Test {
  Two two;

  void begin(std::vector<Operation> on_uno = {}, std::vector<Operation> on_duo = {}) {
    two.uno.start(std::move(on_uno));
    two.duo.start(std::move(on_duo));
    const auto init = two.uno.ask("init");
    ASSERT_TRUE(init) << init.error().message;
    const std::string address = "127.0.0.1:" + std::to_string(two.port);
    ASSERT_TRUE(two.duo.ask("join", {{"address", address}, {"token", (*init)["token"]}}));
    ASSERT_TRUE(eventually([&] { return two.uno.sees("duo") && two.duo.sees("uno"); }));
  }
};

TEST(Agent, BeforeInitItAnswersOnlyWhatNeedsNoPair) {
  Two two;
  two.uno.start();
  const auto status = two.uno.ask("status");
  ASSERT_TRUE(status);
  EXPECT_TRUE((*status)["pair"].is_null());
  const auto token = two.uno.ask("token");
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().kind, ErrorKind::refused);
  EXPECT_NE(token.error().hint.find("tandem init"), std::string::npos);
}

TEST(Agent, DoesNotDoWhatItDoesNotKnowNorWhatIsNotForCommands) {
  Two two;
  two.uno.start();
  EXPECT_EQ(two.uno.ask("fly").error().kind, ErrorKind::not_found);
  EXPECT_EQ(two.uno.ask("join.accept").error().kind, ErrorKind::refused);
  EXPECT_EQ(two.uno.ask("server.status").error().kind, ErrorKind::refused);
}

TEST(Agent, ProgressIsSeenBeforeTheAnswer) {
  Two two;
  Blocking blocking;
  two.uno.start({blocking.operation("work")});
  std::vector<std::string> lines;
  const auto answer = two.uno.ask("work", Json::object(), [&](const Json& event) {
    lines.push_back(event["line"]);
    blocking.go = true;
  });
  EXPECT_EQ(answer.value(), "done");
  EXPECT_EQ(lines, std::vector<std::string>{"begun"});
}

TEST(Agent, OperationGoesOnWhenItsCommandGoesAway) {
  Two two;
  Blocking blocking;
  two.uno.start({blocking.operation("work")});
  {
    auto client = peer::LocalClient::connect(two.uno.socket(), "0.1").value();
    auto call = std::async(std::launch::async, [&] { return client.call("work", Json::object()); });
    ASSERT_TRUE(eventually([&] { return blocking.begun == 1; }));
    client.hang_up();
    EXPECT_FALSE(call.get());
  }
  EXPECT_EQ(two.uno.ask("status").has_value(), true);
  EXPECT_EQ(blocking.ended, 0);
  blocking.go = true;
  EXPECT_TRUE(eventually([&] { return blocking.ended == 1; }));
  EXPECT_FALSE(blocking.was_cancelled);
}

TEST(Agent, OneAtATimeOfThoseThatExcludeEachOtherAndTheSecondIsToldWhoIsAtIt) {
  Two two;
  Blocking blocking;
  two.uno.start({blocking.operation("paint", {"walls"}), blocking.operation("plaster", {"walls", "ceiling"}),
                 blocking.operation("sweep", {"floors"})});
  auto first = std::async(std::launch::async, [&] { return two.uno.ask("paint"); });
  ASSERT_TRUE(eventually([&] { return blocking.begun == 1; }));
  const auto second = two.uno.ask("plaster");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::refused);
  EXPECT_NE(second.error().message.find("\"paint\" is under way"), std::string::npos);
  EXPECT_NE(second.error().message.find("user 0"), std::string::npos);
  blocking.go = true;
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(two.uno.ask("plaster"));
}

TEST(Agent, WhatIsLessUrgentEndsForWhoeverNeedsItsLockAndIsWaitedFor) {
  Two two;
  Blocking tidying;
  Blocking painting;
  two.uno.start({tidying.operation("tidy", {"walls"}, Urgency::own), painting.operation("paint", {"walls"})});
  auto first = std::async(std::launch::async, [&] { return two.uno.ask("tidy"); });
  ASSERT_TRUE(eventually([&] { return tidying.begun == 1; }));
  const auto second_tidy = two.uno.ask("tidy");
  ASSERT_FALSE(second_tidy) << "what is as urgent waits for nothing";
  auto paint = std::async(std::launch::async, [&] { return two.uno.ask("paint"); });
  ASSERT_TRUE(first.get());
  EXPECT_TRUE(tidying.was_cancelled);
  ASSERT_TRUE(eventually([&] { return painting.begun == 1; }));
  EXPECT_FALSE(two.uno.ask("tidy")) << "and what is less urgent does not end it";
  EXPECT_FALSE(painting.was_cancelled);
  painting.go = true;
  EXPECT_TRUE(paint.get());
  EXPECT_FALSE(painting.was_cancelled);
}

TEST(Agent, WhatWaitsForALessUrgentOneIsAnsweredWhenTheAgentStopsOrARunbookBegins) {
  Two two;
  Blocking tidying;
  auto paint = Blocking();
  std::atomic<bool> end_tidying = false;
  auto tidy = tidying.operation("tidy", {"walls"}, Urgency::own);
  tidy.run = [&](OperationContext&) -> Result<Json> {
    ++tidying.begun;
    while (!end_tidying)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return Json("done");
  };
  auto painting = paint.operation("paint", {"walls"});
  painting.apart = true;
  two.uno.start({tidy, painting});
  auto first = std::async(std::launch::async, [&] { return two.uno.ask("tidy"); });
  ASSERT_TRUE(eventually([&] { return tidying.begun == 1; }));
  std::atomic<bool> told = false;
  auto second = std::async(std::launch::async,
                           [&] { return two.uno.ask("paint", Json::object(), [&](const Json&) { told = true; }); });
  ASSERT_TRUE(eventually([&] { return told.load(); })) << "it says for whom it waits";
  EXPECT_NE(two.uno.ask("paint").error().message.find("is about to begin"), std::string::npos);
  two.uno.loop().on([&] { two.uno.agent().set_runbook("switchover to duo"); });
  end_tidying = true;
  EXPECT_TRUE(first.get());
  const auto refused = second.get();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("switchover to duo"), std::string::npos);
  EXPECT_EQ(paint.begun, 0);

  two.uno.loop().on([&] { two.uno.agent().set_runbook(""); });
  end_tidying = false;
  auto third = std::async(std::launch::async, [&] { return two.uno.ask("tidy"); });
  ASSERT_TRUE(eventually([&] { return tidying.begun == 2; }));
  told = false;
  auto fourth = std::async(std::launch::async,
                           [&] { return two.uno.ask("paint", Json::object(), [&](const Json&) { told = true; }); });
  ASSERT_TRUE(eventually([&] { return told.load(); }));
  auto stopping = std::async(std::launch::async, [&] { two.uno.stop(); });
  EXPECT_FALSE(fourth.get());
  end_tidying = true;
  stopping.get();
  EXPECT_EQ(paint.begun, 0);
}

TEST(Agent, WhoeverHoldsALockCanBeAskedToEnd) {
  Two two;
  Blocking blocking;
  two.uno.start({blocking.operation("paint", {"walls"})});
  const auto ask_to_end = [&](const std::string& lock) {
    return two.uno.loop().on([&] { return two.uno.agent().ask_to_end(lock); });
  };
  auto paint = std::async(std::launch::async, [&] { return two.uno.ask("paint"); });
  ASSERT_TRUE(eventually([&] { return blocking.begun == 1; }));
  EXPECT_EQ(ask_to_end("floors"), "");
  EXPECT_FALSE(blocking.was_cancelled);
  EXPECT_NE(ask_to_end("walls").find("\"paint\", started by "), std::string::npos);
  EXPECT_TRUE(paint.get());
  EXPECT_TRUE(blocking.was_cancelled);
  EXPECT_EQ(ask_to_end("walls"), "");
}

TEST(Agent, ManyOperationsRunAtOnce) {
  Two two;
  Blocking blocking;
  two.uno.start({blocking.operation("work")});
  std::vector<std::future<Result<Json>>> calls;
  for (int i = 0; i < 20; ++i)
    calls.push_back(std::async(std::launch::async, [&] { return two.uno.ask("work"); }));
  EXPECT_TRUE(eventually([&] { return blocking.begun == 20; }));
  blocking.go = true;
  for (auto& call : calls)
    EXPECT_TRUE(call.get());
}

TEST(Agent, StoppedItAsksOperationsToEndAndTheirCommandsGetTheAnswer) {
  Two two;
  Blocking blocking;
  two.uno.start({blocking.operation("work")});
  auto call = std::async(std::launch::async, [&] { return two.uno.ask("work"); });
  ASSERT_TRUE(eventually([&] { return blocking.begun == 1; }));
  two.uno.stop();
  EXPECT_TRUE(blocking.was_cancelled);
  EXPECT_EQ(call.get().value(), "done");
  EXPECT_EQ(peer::LocalClient::connect(two.uno.socket(), "0.1").error().kind, ErrorKind::unavailable);
}

TEST(Agent, SecondAgentOnTheSameServerIsRefused) {
  Two two;
  two.uno.start();
  testing::RunningLoop loop;
  const auto second = loop.on([&] { return peer::listen_unix(*loop, two.uno.socket(), {}).error(); });
  EXPECT_EQ(second.kind, ErrorKind::refused);
  EXPECT_TRUE(two.uno.ask("status"));
}

TEST(Agent, SocketIsForRootAlone) {
  Two two;
  two.uno.start();
  EXPECT_EQ(std::filesystem::status(two.uno.socket()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(Agent, BytesThatAreNoMessageEndOnlyTheirOwnConnection) {
  Two two;
  two.uno.start();
  auto bad = peer::LocalClient::connect(two.uno.socket(), "0.1").value();
  EXPECT_FALSE(bad.call(std::string(300, 'm'), Json::object()));
  EXPECT_TRUE(two.uno.ask("status"));
}

TEST_F(Joined, APeerReachesOnlyWhatIsForPeers) {
  Error refused;
  const Operation ask{
      .name = "ask", .callers = {Caller::command}, .run = [&](OperationContext& context) -> Result<Json> {
        return context.call_peer("duo", context.params()["method"], Json::object());
      }};
  begin({ask});
  EXPECT_TRUE(two.uno.ask("ask", {{"method", "server.status"}}));
  for (const char* method : {"init", "join", "token", "status", "join.accept"})
    EXPECT_EQ(two.uno.ask("ask", {{"method", method}}).error().kind, ErrorKind::refused) << method;
}

TEST_F(Joined, AnOperationTalksToAnOperationOnTheOtherServerWithProgress) {
  const Operation far{
      .name = "far.work", .callers = {Caller::peer}, .run = [](OperationContext& context) -> Result<Json> {
        context.report("step for " + context.from());
        return context.params();
      }};
  const Operation near{
      .name = "work", .callers = {Caller::command}, .run = [](OperationContext& context) -> Result<Json> {
        return context.call_peer("duo", "far.work", {{"x", 1}},
                                 [&](const Json& event) { context.report_event(event); });
      }};
  begin({near}, {far});
  std::vector<std::string> lines;
  const auto answer = two.uno.ask("work", Json::object(), [&](const Json& event) { lines.push_back(event["line"]); });
  EXPECT_EQ(answer.value(), (Json{{"x", 1}}));
  EXPECT_EQ(lines, std::vector<std::string>{"step for uno"});
}

TEST_F(Joined, WhoIsAskedToEndDoesNotWaitForTheOtherServersAnswers) {
  Blocking stalling;
  auto stall = stalling.operation("far.stall");
  stall.callers = {Caller::peer};
  const Operation gather{.name = "gather",
                         .callers = {Caller::command},
                         .locks = {"walls"},
                         .run = [](OperationContext& context) -> Result<Json> {
                           Json answers = Json::object();
                           context.call_peers({"duo"}, "far.stall", Json::object(), {},
                                              [&](const std::string& server, const Result<Json>& answer) {
                                                answers[server] = answer ? "done" : answer.error().message;
                                              });
                           return answers;
                         }};
  begin({gather}, {stall});
  auto gathered = std::async(std::launch::async, [&] { return two.uno.ask("gather"); });
  ASSERT_TRUE(eventually([&] { return stalling.begun == 1; }));
  two.uno.loop().on([&] { two.uno.agent().ask_to_end("walls"); });
  EXPECT_EQ(gathered.get().value(), (Json{{"duo", "the answer was not waited for any longer"}}));
  EXPECT_EQ(stalling.ended, 0) << "over there it goes on";
  stalling.go = true;
}

TEST_F(Joined, ConfigurationAndSecretsReachTheOtherServer) {
  const Operation spread{
      .name = "spread", .callers = {Caller::command}, .run = [](OperationContext& context) -> Result<Json> {
        TANDEM_CHECK(spread_configuration(context, context.params().at("servers")));
        return Json();
      }};
  begin({spread});
  const std::string changed = testing::pair_file(two.port) + "health = \"/alive\"\n";
  const std::string old = two.duo.files.read("/etc/tandem/tandem.toml").value();
  two.uno.put("/etc/tandem/tandem.toml", changed);
  two.uno.put("/etc/tandem/secrets/shop", "another key");
  ASSERT_TRUE(two.uno.ask("spread", {{"servers", Json::array()}}));
  EXPECT_EQ(two.duo.files.read("/etc/tandem/tandem.toml").value(), old)
      << "a server that apply leaves out is not asked";
  const Json to_duo{{"servers", {"duo"}}};
  const auto answer = two.uno.ask("spread", to_duo);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(two.duo.files.read("/etc/tandem/tandem.toml").value(), changed);
  EXPECT_EQ(two.duo.files.read("/etc/tandem/tandem.toml.old").value(), old);
  EXPECT_EQ(two.duo.files.read("/etc/tandem/secrets/shop").value(), "another key");
  const int writes = two.duo.files.writes;
  ASSERT_TRUE(two.uno.ask("spread", to_duo));
  EXPECT_EQ(two.duo.files.writes, writes) << "what is there already is not written again";
}

TEST_F(Joined, ConfigurationThatWritesAnotherFileOrDropsAServerIsRefused) {
  const Operation send{.name = "send", .callers = {Caller::command}, .run = [](OperationContext& context) {
                         return context.call_peer("duo", "configuration.put", context.params());
                       }};
  begin({send});
  const std::string disk = two.duo.disk();
  const std::string text = testing::pair_file(two.port);
  const Json key{{"path", "/etc/tandem/secrets/shop"}, {"data", to_base64("key")}};
  const Json shadow{{"path", "/etc/shadow"}, {"data", to_base64("root::")}};
  const auto refused = two.uno.ask("send", {{"text", text}, {"secrets", {key, shadow}}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("/etc/shadow is not a file that tandem.toml names"), std::string::npos);
  EXPECT_FALSE(two.uno.ask("send", {{"text", text}, {"secrets", Json::array()}})) << "a secret is missing";
  EXPECT_FALSE(two.uno.ask("send", {{"text", "[pair"}, {"secrets", {key}}}));
  std::string without_duo = text;
  without_duo.erase(without_duo.find("[[server]]\nname = \"duo\""),
                    std::string("[[server]]\nname = \"duo\"\naddress = \"127.0.0.2\"\n").size());
  EXPECT_FALSE(two.uno.ask("send", {{"text", without_duo}, {"secrets", {key}}}));
  EXPECT_EQ(two.duo.disk(), disk);
}

TEST_F(Joined, StatusShowsBothServersAndAnswersWhenOneIsGone) {
  begin();
  const auto both = two.uno.ask("status").value();
  EXPECT_EQ(both["pair"], "shops");
  EXPECT_EQ(both["self"], "uno");
  EXPECT_EQ(both["servers"].size(), 2U);
  EXPECT_TRUE(both["problems"].empty()) << both["problems"];
  two.duo.stop();
  EXPECT_TRUE(eventually([&] { return !two.uno.sees("duo"); }));
  const auto one = two.uno.ask("status").value();
  ASSERT_EQ(one["problems"].size(), 1U);
  EXPECT_NE(one["problems"][0].get<std::string>().find("duo does not answer"), std::string::npos);
}

TEST_F(Joined, ClockThatGoesWrongIsShownInStatusAndOnBothServers) {
  two.duo.clock().wall += std::chrono::hours(1);
  begin();
  const auto on_uno = two.uno.ask("status").value()["problems"];
  ASSERT_EQ(on_uno.size(), 1U);
  EXPECT_NE(on_uno[0].get<std::string>().find("the clock of duo is 3"), std::string::npos) << on_uno;
  const auto on_duo = two.duo.ask("status").value()["problems"];
  ASSERT_EQ(on_duo.size(), 1U);
  EXPECT_NE(on_duo[0].get<std::string>().find("behind this server's"), std::string::npos) << on_duo;
}

TEST_F(Joined, StandingIsToldToTheOtherServerAndShownInStatus) {
  begin();
  two.uno.loop().on([&] { two.uno.agent().set_standing({3, "uno"}); });
  EXPECT_TRUE(eventually([&] {
    const Json status = two.duo.ask("status").value();
    for (const auto& server : status["servers"])
      if (server["name"] == "uno") return server["epoch"] == 3 && server["primary"] == "uno";
    return false;
  }));
}

} // namespace
} // namespace tandem::agent
