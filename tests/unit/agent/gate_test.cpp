#include "agent/gate.hpp"
#include "agent/http_head.hpp"
#include "fakes/server.hpp"
#include "unit/peer/support.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace tandem::agent {
namespace {

using peer::testing::eventually;
using peer::testing::RunningLoop;

constexpr std::string_view question = "GET /gate HTTP/1.1\r\nHost: tandem_gate\r\n\r\n";

// nginx's side of one connection.
class Visitor {
public:
  explicit Visitor(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
        << std::strerror(errno);
  }

  Visitor(Visitor&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}

  ~Visitor() { leave(); }

  void leave() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

  void say(std::string_view bytes) {
    EXPECT_EQ(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  // One answer's head; empty when the other side closed or nothing came in ten seconds.
  std::string hear() {
    std::string text;
    while (!text.ends_with("\r\n\r\n")) {
      pollfd waiting{socket_, POLLIN, 0};
      char byte = 0;
      if (::poll(&waiting, 1, 60'000) != 1 || ::recv(socket_, &byte, 1, 0) != 1) return {};
      text += byte;
    }
    return text;
  }

  bool silent() {
    pollfd waiting{socket_, POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 0;
  }

private:
  int socket_;
};

struct GateTest : ::testing::Test {
  std::string path = ::testing::TempDir() + "tandem-gate-" + std::to_string(::getpid()) + ".sock";
  fakes::Server server;
  RunningLoop loop;
  std::unique_ptr<Gate> gate;

  void SetUp() override {
    server.files.put_folder("/run");
    loop.on([&] {
      gate = std::make_unique<Gate>(*loop, server.files, "/run");
      EXPECT_TRUE(gate->listen(std::nullopt, path));
    });
  }

  void TearDown() override {
    loop.on([&] { gate.reset(); });
    std::filesystem::remove(path);
  }

  GateFigures figures() {
    return loop.on([&] { return gate->figures(); });
  }

  bool serving() { return server.files.content("/run/serving") != "(nothing there)"; }
};

bool is_target(const std::string& answer, const std::string& name) {
  return answer.starts_with("HTTP/1.1 200 ") &&
         answer.find("\r\nX-Tandem-Target: " + name + "\r\n") != std::string::npos;
}

TEST(GateAnswer, FollowsTheState) {
  const GateState here{.mode = GateState::Mode::open, .target = "duo", .local = true};
  const GateState there{.mode = GateState::Mode::open, .target = "duo"};
  for (const bool hop : {false, true}) {
    EXPECT_EQ(answer({.mode = GateState::Mode::closed}, hop).kind, GateAnswer::Kind::hold);
    EXPECT_EQ(answer({.mode = GateState::Mode::refusing}, hop).kind, GateAnswer::Kind::refuse);
    EXPECT_EQ(answer(here, hop).kind, GateAnswer::Kind::serve);
    EXPECT_EQ(answer(here, hop).target, "duo");
  }
  EXPECT_EQ(answer(there, false).kind, GateAnswer::Kind::serve);
  EXPECT_EQ(answer(there, false).target, "duo");
  EXPECT_EQ(answer(there, true).kind, GateAnswer::Kind::elsewhere) << "one hop only";
}

TEST_F(GateTest, WhatAnotherServerPassedOnWaitsAndIsSentBackWhenThatOneServes) {
  Visitor hop(path);
  Visitor own(path);
  hop.say("GET /hop HTTP/1.1\r\nHost: gate\r\n\r\n");
  own.say(question);
  ASSERT_TRUE(eventually([&] { return figures().held == 2; }));
  loop.on([&] { EXPECT_TRUE(gate->open_to_peer("duo")); });
  EXPECT_TRUE(hop.hear().starts_with("HTTP/1.1 403 "));
  EXPECT_TRUE(is_target(own.hear(), "duo"));
  EXPECT_NE(server.files.content("/run/follows/duo"), "(nothing there)") << "nginx finds it without the agent";
  loop.on([&] { EXPECT_TRUE(gate->open_local("uno")); });
  hop.say("GET /hop HTTP/1.1\r\nHost: gate\r\n\r\n");
  EXPECT_TRUE(is_target(hop.hear(), "uno"));
}

TEST_F(GateTest, StartsClosedAndHoldsUntilItIsOpened) {
  Visitor visitor(path);
  visitor.say(question);
  ASSERT_TRUE(eventually([&] { return figures().held == 1; }));
  EXPECT_TRUE(visitor.silent());
  EXPECT_FALSE(serving());
  loop.on([&] { EXPECT_TRUE(gate->open_local("uno")); });
  EXPECT_TRUE(is_target(visitor.hear(), "uno"));
  EXPECT_TRUE(serving());
  EXPECT_EQ(figures().waited, 1U);
}

TEST_F(GateTest, OpenItAnswersAtOnceAndAgainOnTheSameConnection) {
  loop.on([&] { EXPECT_TRUE(gate->open_to_peer("duo")); });
  Visitor visitor(path);
  for (int i = 0; i < 3; ++i) {
    visitor.say(question);
    EXPECT_TRUE(is_target(visitor.hear(), "duo"));
  }
  visitor.say(std::string(question) + std::string(question));
  EXPECT_TRUE(is_target(visitor.hear(), "duo"));
  EXPECT_TRUE(is_target(visitor.hear(), "duo"));
  EXPECT_FALSE(serving()) << "the other server serves, not this one";
  EXPECT_EQ(figures().waited, 0U);
}

TEST_F(GateTest, ClosedAgainItRemovesTheFileAndHolds) {
  loop.on([&] { EXPECT_TRUE(gate->open_local("uno")); });
  loop.on([&] { EXPECT_TRUE(gate->close()); });
  EXPECT_FALSE(serving());
  Visitor visitor(path);
  visitor.say(question);
  EXPECT_TRUE(eventually([&] { return figures().held == 1; }));
  loop.on([&] { EXPECT_TRUE(gate->open_to_peer("duo")); });
  EXPECT_TRUE(is_target(visitor.hear(), "duo"));
}

TEST_F(GateTest, FileThatCannotBeWrittenKeepsItClosed) {
  server.power.cut_after = 0;
  Visitor visitor(path);
  visitor.say(question);
  ASSERT_TRUE(eventually([&] { return figures().held == 1; }));
  loop.on([&] { EXPECT_FALSE(gate->open_local("uno")); });
  EXPECT_EQ(figures().held, 1U);
  EXPECT_TRUE(visitor.silent());
}

TEST_F(GateTest, HoldLimitEndsTheWaitingWith503InTheOrderOfComing) {
  loop.on([&] { gate->set_hold_limit(std::chrono::milliseconds(50)); });
  Visitor first(path);
  first.say(question);
  EXPECT_TRUE(first.hear().starts_with("HTTP/1.1 503 "));
  Visitor second(path);
  second.say(question);
  EXPECT_TRUE(second.hear().starts_with("HTTP/1.1 503 "));
  EXPECT_EQ(figures().expired, 2U);
  EXPECT_EQ(figures().held, 0U);
}

TEST_F(GateTest, RefusingItAnswers503ToWhatWaitsAndToWhatComes) {
  Visitor waiting(path);
  waiting.say(question);
  ASSERT_TRUE(eventually([&] { return figures().held == 1; }));
  loop.on([&] { EXPECT_TRUE(gate->refuse()); });
  EXPECT_TRUE(waiting.hear().starts_with("HTTP/1.1 503 "));
  Visitor coming(path);
  coming.say(question);
  EXPECT_TRUE(coming.hear().starts_with("HTTP/1.1 503 "));
}

TEST_F(GateTest, VisitorThatGoesAwayIsForgotten) {
  Visitor stays(path);
  stays.say(question);
  {
    Visitor leaves(path);
    leaves.say(question);
    ASSERT_TRUE(eventually([&] { return figures().held == 2; }));
  }
  EXPECT_TRUE(eventually([&] { return figures().held == 1 && figures().gone == 1; }));
  loop.on([&] { EXPECT_TRUE(gate->open_local("uno")); });
  EXPECT_TRUE(is_target(stays.hear(), "uno"));
}

TEST_F(GateTest, SlowVisitorIsReadByteByByte) {
  loop.on([&] { EXPECT_TRUE(gate->open_local("uno")); });
  Visitor slow(path);
  for (const char byte : question)
    slow.say(std::string_view(&byte, 1));
  EXPECT_TRUE(is_target(slow.hear(), "uno"));
}

TEST_F(GateTest, BrokenRequestGets400AndItsConnectionIsClosed) {
  Visitor visitor(path);
  visitor.say("GARBAGE\r\n\r\n");
  const std::string answer = visitor.hear();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_EQ(visitor.hear(), "");
}

TEST_F(GateTest, ThoseWhoWaitGoOnOneByOneAtFirstAndNobodyOvertakesThem) {
  std::vector<Visitor> visitors;
  for (int i = 0; i < 20; ++i) {
    visitors.emplace_back(path);
    visitors.back().say(question);
    ASSERT_TRUE(eventually([&] { return figures().held == visitors.size(); }));
  }
  loop.on([&] {
    EXPECT_TRUE(gate->open_to_peer("duo"));
    EXPECT_EQ(gate->figures().held, 19U) << "all at once they would be a burst";
    EXPECT_TRUE(gate->close());
  });
  EXPECT_TRUE(is_target(visitors[0].hear(), "duo")) << "the oldest first";
  Visitor late(path);
  late.say(question);
  ASSERT_TRUE(eventually([&] { return figures().held == 20; })) << "closed again, the rest waits on";
  loop.on([&] { EXPECT_TRUE(gate->open_to_peer("duo")); });
  EXPECT_TRUE(is_target(late.hear(), "duo"));
  EXPECT_EQ(figures().held, 0U) << "the last one came last";
  EXPECT_EQ(figures().waited, 21U);
}

TEST_F(GateTest, TwoThousandRequestsWaitAndGoOnWithinAMoment) {
  constexpr std::size_t many = 2'000;
  const rlimit files{8192, 8192};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0) << "the machine must allow 8192 open files";
  std::vector<Visitor> visitors;
  for (std::size_t i = 0; i < many; ++i) {
    visitors.emplace_back(path);
    visitors.back().say(question);
  }
  ASSERT_TRUE(eventually([&] { return figures().held == many; })) << figures().held;
  loop.on([&] { EXPECT_TRUE(gate->open_to_peer("duo")); });
  std::size_t right = 0;
  for (auto& visitor : visitors)
    right += is_target(visitor.hear(), "duo") ? 1 : 0;
  EXPECT_EQ(right, many);
  EXPECT_EQ(figures().waited, many);
}

TEST_F(GateTest, ConnectionsWaitInTheBacklogOfAnInheritedSocket) {
  const std::string other = path + "2";
  const int listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  other.copy(address.sun_path, other.size());
  ASSERT_EQ(::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listening, 100), 0);
  Visitor early(other);
  early.say(question);
  std::unique_ptr<Gate> second;
  loop.on([&] {
    second = std::make_unique<Gate>(*loop, server.files, "/run");
    EXPECT_TRUE(second->listen(listening, other));
    EXPECT_TRUE(second->open_local("uno"));
  });
  EXPECT_TRUE(is_target(early.hear(), "uno"));
  loop.on([&] { second.reset(); });
  std::filesystem::remove(other);
}

TEST(HttpHead, ReadsWhatNginxSendsAtEveryCutOfTheBytes) {
  const std::string bytes = "GET /gate HTTP/1.0\r\nHost: g\r\nContent-Length: 3\r\n\r\nabcPOST /x HTTP/1.1\r\n\r\n";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    HttpHeadReader reader;
    std::vector<std::string> got;
    const auto drain = [&] {
      for (auto head = reader.next().value(); head; head = reader.next().value())
        got.push_back(head->method + " " + head->target + (head->keep_alive ? " stays" : " closes"));
    };
    reader.take(std::string_view(bytes).substr(0, cut));
    drain();
    reader.take(std::string_view(bytes).substr(cut));
    drain();
    EXPECT_EQ(got, (std::vector<std::string>{"GET /gate closes", "POST /x stays"})) << cut;
  }
}

TEST(HttpHead, WhatItDoesNotUnderstandIsAnError) {
  for (const std::string bad :
       {"\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n : x\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    HttpHeadReader reader;
    reader.take(bad);
    EXPECT_FALSE(reader.next()) << bad;
  }
  HttpHeadReader endless;
  endless.take(std::string(longest_head + 4, 'a'));
  EXPECT_FALSE(endless.next());
}

} // namespace
} // namespace tandem::agent
