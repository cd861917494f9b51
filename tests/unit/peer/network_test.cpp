#include "peer/frame.hpp"
#include "peer/network.hpp"
#include "peer/waiting.hpp"
#include "raw_tls.hpp"
#include "support.hpp"

#include <nlohmann/json.hpp>

#include <atomic>

namespace tandem::peer {
namespace {

using testing::eventually;
using testing::identity_of;
using testing::new_authority;
using testing::RawTls;
using testing::RunningLoop;

// One server of a pair in this process: answers "echo", tells progress on "steps", keeps silent on "never".
class Node {
public:
  Node(const std::string& name, const Identity& identity, std::vector<Member> others, std::string pair_id = "pair-1",
       Address listen = {"127.0.0.1", 0}) {
    NetworkSettings settings{
        {std::move(pair_id), name, name + "-boot", "0"}, identity, listen, std::move(others), timing()};
    Network::Hooks hooks;
    hooks.on_request = [this](const Request& request) { take(request); };
    hooks.met = [this](const std::string& server, const Standing& standing) { met_[server] = standing; };
    hooks.strangers = [this] { return strangers.load(); };
    loop_.on([&] {
      network_ = std::make_unique<Network>(*loop_, std::move(settings), std::move(hooks));
      const auto started = network_->start();
      EXPECT_TRUE(started) << started.error().message;
    });
    port_ = loop_.on([&] { return network_->port(); });
  }

  ~Node() {
    loop_.on([&] { network_.reset(); });
  }

  static Timing timing() {
    Timing timing;
    timing.beat = std::chrono::milliseconds(50);
    timing.silence = std::chrono::seconds(2);
    timing.retry = std::chrono::milliseconds(10);
    timing.slowest_retry = std::chrono::milliseconds(100);
    return timing;
  }

  std::uint16_t port() const { return port_; }

  std::uint16_t listen_somewhere_else() {
    return loop_.on([&] {
      EXPECT_TRUE(network_->listen_on({"127.0.0.1", 0}));
      return network_->port();
    });
  }

  void set_others(std::vector<Member> others) {
    loop_.on([&] { network_->set_others(std::move(others)); });
  }

  bool connected(const std::string& server) { return state(server).connected; }

  PeerState state(const std::string& server) {
    return loop_.on([&] {
      for (const auto& peer : network_->peers())
        if (peer.name == server) return peer;
      return PeerState{};
    });
  }

  std::optional<Standing> met(const std::string& server) {
    return loop_.on([&] { return met_.contains(server) ? std::optional(met_[server]) : std::nullopt; });
  }

  void set_standing(Standing standing) {
    loop_.on([&] { network_->set_standing(std::move(standing)); });
  }

  Result<Json> call(const std::string& server, const std::string& method, const Json& params,
                    const Session::OnEvent& on_event = {}, CallOptions options = {}) {
    return wait_for_answer(
        *loop_, [&](auto event, auto answer) { network_->call(server, method, params, event, answer, options); },
        on_event);
  }

  std::atomic<int> requests = 0;
  std::atomic<bool> strangers = false;
  std::atomic<int> asked_by_strangers = 0;

private:
  void take(const Request& request) {
    ++requests;
    if (request.caller() == Caller::stranger) ++asked_by_strangers;
    if (request.method() == "echo") return request.answer(request.params());
    if (request.method() == "large") return request.answer(Json(std::string(largest_frame, 'x')));
    if (request.method() == "steps") {
      for (int step = 1; step <= 3; ++step)
        request.event(step);
      return request.answer("done");
    }
    if (request.method() == "never") return;
    request.answer(fail(ErrorKind::not_found, "no such method", "try echo"));
  }

  RunningLoop loop_;
  std::unique_ptr<Network> network_;
  std::map<std::string, Standing> met_;
  std::uint16_t port_ = 0;
};

Member member(const std::string& name, const Node& node) {
  return {name, {"127.0.0.1", node.port()}};
}

// A pair whose two servers know each other.
struct Two {
  Authority authority = new_authority();
  Node uno{"uno", identity_of(authority, "uno"), {}};
  Node duo{"duo", identity_of(authority, "duo"), {member("uno", uno)}};

  Two() {
    uno.set_others({member("duo", duo)});
    EXPECT_TRUE(eventually([&] { return uno.connected("duo") && duo.connected("uno"); }));
  }
};

std::string hello_frame(const std::string& server, const std::string& pair = "pair-1") {
  return framed(encode({.kind = MessageKind::hello, .standing = Standing{}, .hello = {pair, server, "boot", "0"}}));
}

std::string request_frame(std::uint64_t id, std::optional<Standing> standing = Standing{}) {
  return framed(encode({.kind = MessageKind::request, .standing = standing, .id = id, .method = "echo"}));
}

TEST(Network, RequestsGoBothWaysAndAreAnswered) {
  Two pair;
  EXPECT_EQ(pair.uno.call("duo", "echo", {{"a", 1}}).value(), (Json{{"a", 1}}));
  EXPECT_EQ(pair.duo.call("uno", "echo", {{"b", 2}}).value(), (Json{{"b", 2}}));
}

TEST(Network, EventsComeInOrderBeforeTheAnswer) {
  Two pair;
  std::vector<int> steps;
  const auto answer = pair.uno.call("duo", "steps", Json::object(), [&](const Json& event) { steps.push_back(event); });
  EXPECT_EQ(answer.value(), "done");
  EXPECT_EQ(steps, (std::vector{1, 2, 3}));
}

TEST(Network, ErrorsKeepTheirKindAndHint) {
  Two pair;
  const auto answer = pair.uno.call("duo", "nothing", Json::object());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::not_found);
  EXPECT_EQ(answer.error().hint, "try echo");
}

TEST(Network, AnswerThatIsTooLargeBecomesAnErrorAndTheConnectionStays) {
  Two pair;
  const auto answer = pair.uno.call("duo", "large", Json::object());
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("too large"), std::string::npos);
  EXPECT_TRUE(pair.uno.call("duo", "echo", Json::object()));
}

TEST(Network, CallThatIsNotAnsweredEndsAtItsTimeLimit) {
  Two pair;
  const auto answer = pair.uno.call("duo", "never", Json::object(), {}, {.time_limit = std::chrono::milliseconds(20)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(pair.uno.call("duo", "echo", Json::object())) << "and the connection stays";
}

TEST(Network, CallToAnotherBootIsRefused) {
  Two pair;
  EXPECT_TRUE(pair.uno.call("duo", "echo", Json::object(), {}, {.boot_id = "duo-boot"}));
  const auto answer = pair.uno.call("duo", "echo", Json::object(), {}, {.boot_id = "an earlier one"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::refused);
}

TEST(Network, OpenCallsEndWhenTheOtherServerGoes) {
  const Authority authority = new_authority();
  Node uno("uno", identity_of(authority, "uno"), {});
  auto duo = std::make_unique<Node>("duo", identity_of(authority, "duo"), std::vector{member("uno", uno)});
  uno.set_others({member("duo", *duo)});
  ASSERT_TRUE(eventually([&] { return uno.connected("duo"); }));
  auto answer = std::async(std::launch::async, [&] { return uno.call("duo", "never", Json::object()); });
  ASSERT_TRUE(eventually([&] { return duo->requests == 1; }));
  duo.reset();
  EXPECT_EQ(answer.get().error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(eventually([&] { return !uno.connected("duo"); }));
  EXPECT_FALSE(uno.state("duo").problem.empty());
}

TEST(Network, ConnectsAgainAfterTheOtherServerWasAway) {
  const Authority authority = new_authority();
  Node uno("uno", identity_of(authority, "uno"), {});
  auto duo = std::make_unique<Node>("duo", identity_of(authority, "duo"), std::vector{member("uno", uno)});
  const std::uint16_t port = duo->port();
  uno.set_others({member("duo", *duo)});
  ASSERT_TRUE(eventually([&] { return uno.connected("duo"); }));
  duo.reset();
  ASSERT_TRUE(eventually([&] { return !uno.connected("duo"); }));
  Node again("duo", identity_of(authority, "duo"), {}, "pair-1", {"127.0.0.1", port});
  again.set_others({member("uno", uno)});
  EXPECT_TRUE(eventually([&] { return uno.connected("duo"); }));
  EXPECT_TRUE(uno.call("duo", "echo", Json::object()));
}

TEST(Network, OneConnectionInEitherDirectionIsEnoughForCallsBothWays) {
  const Authority authority = new_authority();
  Node uno("uno", identity_of(authority, "uno"), {{"duo", {"127.0.0.1", 1}}}); // nothing listens on port 1
  Node duo("duo", identity_of(authority, "duo"), {member("uno", uno)});
  ASSERT_TRUE(eventually([&] { return uno.connected("duo") && duo.connected("uno"); }));
  EXPECT_TRUE(uno.call("duo", "echo", Json::object()));
  EXPECT_TRUE(duo.call("uno", "echo", Json::object()));
}

TEST(Network, StandingReachesTheOtherServer) {
  Two pair;
  pair.uno.set_standing({4, "uno"});
  EXPECT_TRUE(eventually([&] { return pair.duo.met("uno") == Standing{4, "uno"}; }));
  EXPECT_EQ(pair.duo.state("uno").standing, (Standing{4, "uno"}));
}

TEST(Network, ServerThatIsNoLongerInTheFileIsDisconnected) {
  Two pair;
  pair.uno.set_others({});
  EXPECT_TRUE(eventually([&] { return !pair.duo.connected("uno"); }));
  EXPECT_EQ(pair.uno.call("duo", "echo", Json::object()).error().kind, ErrorKind::not_found);
}

TEST(Network, ServerThatMovesIsDialedAtItsNewAddressAndKeepsItsConnection) {
  const Authority authority = new_authority();
  Node uno("uno", identity_of(authority, "uno"), {});
  Node duo("duo", identity_of(authority, "duo"), {});
  duo.set_others({{"uno", {"127.0.0.1", 1}}}); // nothing listens on port 1
  uno.set_others({member("duo", duo)});
  ASSERT_TRUE(eventually([&] { return uno.connected("duo"); }));
  auto answer = std::async(std::launch::async, [&] {
    return uno.call("duo", "never", Json::object(), {}, {.time_limit = std::chrono::seconds(1)});
  });
  ASSERT_TRUE(eventually([&] { return duo.requests == 1; }));
  uno.set_others({{"duo", {"127.0.0.1", 1}}});
  EXPECT_TRUE(uno.call("duo", "echo", Json::object())) << "what stands is not cut";
  EXPECT_EQ(answer.get().error().message.find("no longer"), std::string::npos);

  const auto first = duo.port();
  const auto second = duo.listen_somewhere_else();
  EXPECT_NE(second, first);
  auto again = std::make_unique<Node>("tre", identity_of(authority, "tre"), std::vector<Member>{});
  duo.set_others({member("uno", uno), member("tre", *again)});
  again->set_others({{"duo", {"127.0.0.1", second}}});
  EXPECT_TRUE(eventually([&] { return again->connected("duo"); })) << "nobody listens on the new port";
  again->set_others({});
  again->set_others({{"duo", {"127.0.0.1", first}}});
  EXPECT_TRUE(eventually([&] { return again->connected("duo"); })) << "who was away knows the old port only";
}

TEST(Network, CertificateOfAnotherAuthorityIsRefusedOnBothSides) {
  const Authority authority = new_authority();
  const Authority foreign = new_authority();
  Node uno("uno", identity_of(authority, "uno"), {});
  Node duo("duo", identity_of(foreign, "duo"), {member("uno", uno)});
  uno.set_others({member("duo", duo)});
  ASSERT_TRUE(eventually([&] {
    return duo.state("uno").problem.find("does not belong to this pair") != std::string::npos &&
           uno.state("duo").problem.find("does not belong to this pair") != std::string::npos;
  })) << duo.state("uno").problem;
  EXPECT_EQ(uno.requests + duo.requests, 0);
}

TEST(Network, AnotherServerAtTheAddressIsNotMistakenForTheOneWanted) {
  const Authority authority = new_authority();
  Node tre("tre", identity_of(authority, "tre"), {});
  Node uno("uno", identity_of(authority, "uno"), {{"duo", {"127.0.0.1", tre.port()}}});
  EXPECT_TRUE(eventually([&] { return uno.state("duo").problem.find("another server answers") != std::string::npos; }));
}

TEST(Network, ServerOfAnotherPairIsRefusedAndToldWhy) {
  const Authority authority = new_authority();
  Node uno("uno", identity_of(authority, "uno"), {});
  Node duo("duo", identity_of(authority, "duo"), {member("uno", uno)}, "pair-2");
  uno.set_others({member("duo", duo)});
  EXPECT_TRUE(eventually([&] { return duo.state("uno").problem.find("another pair") != std::string::npos; }))
      << duo.state("uno").problem;
  EXPECT_FALSE(uno.connected("duo"));
}

// What a stranger, or a peer gone wrong, sends to one server of a pair.
class Wire : public ::testing::Test {
protected:
  Authority authority = new_authority();
  Node uno{"uno", identity_of(authority, "uno"), {{"duo", {"127.0.0.1", 1}}}};
  Identity duo = identity_of(authority, "duo");

  // Sends the bytes as duo, and gives what came back until the end of the connection.
  std::string exchange(const std::string& bytes) {
    RawTls raw(uno.port(), duo);
    EXPECT_TRUE(raw.connected());
    raw.send(bytes);
    return raw.read_to_end();
  }

  // The server still does its work for a well-behaved peer.
  bool works() {
    const int before = uno.requests;
    RawTls raw(uno.port(), duo);
    raw.send(hello_frame("duo") + request_frame(1));
    return eventually([&] { return uno.requests == before + 1; });
  }
};

TEST_F(Wire, CutShortAtEveryByteNothingIsDone) {
  const std::string bytes = hello_frame("duo") + request_frame(1);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    RawTls raw(uno.port(), duo);
    ASSERT_TRUE(raw.connected());
    ASSERT_TRUE(raw.send(bytes.substr(0, length)));
  }
  EXPECT_EQ(uno.requests, 0);
  EXPECT_TRUE(works());
}

TEST_F(Wire, OversizedFrameEndsTheConnectionWithAnError) {
  const std::string answer = exchange(hello_frame("duo") + std::string("\x00\x40\x00\x01", 4));
  EXPECT_NE(answer.find("more than the"), std::string::npos) << answer;
  EXPECT_EQ(uno.requests, 0);
  EXPECT_TRUE(works());
}

TEST_F(Wire, RequestBeforeHelloEndsTheConnectionWithAnError) {
  EXPECT_NE(exchange(request_frame(1)).find("out of order"), std::string::npos);
  EXPECT_EQ(uno.requests, 0);
}

TEST_F(Wire, SecondHelloEndsTheConnection) {
  EXPECT_NE(exchange(hello_frame("duo") + hello_frame("duo")).find("second hello"), std::string::npos);
}

TEST_F(Wire, RequestIdThatWasUsedBeforeIsNotDoneAgain) {
  EXPECT_NE(exchange(hello_frame("duo") + request_frame(5) + request_frame(5)).find("out of order"), std::string::npos);
  EXPECT_EQ(uno.requests, 1);
}

TEST_F(Wire, AnswerToNoQuestionEndsTheConnection) {
  const std::string answer = framed(encode({.kind = MessageKind::response, .standing = Standing{}, .id = 9}));
  EXPECT_NE(exchange(hello_frame("duo") + answer).find("never made"), std::string::npos);
}

TEST_F(Wire, MessageWithoutEpochEndsTheConnection) {
  EXPECT_NE(exchange(hello_frame("duo") + request_frame(1, std::nullopt)).find("without epoch"), std::string::npos);
  EXPECT_EQ(uno.requests, 0);
}

TEST_F(Wire, OtherVersionEndsTheConnection) {
  EXPECT_NE(exchange(framed(R"({"v":2,"kind":"hello"})")).find("version 2"), std::string::npos);
}

TEST_F(Wire, HelloWithANameThatTheCertificateDoesNotProveIsRefused) {
  EXPECT_NE(exchange(hello_frame("tre") + request_frame(1)).find("calls itself"), std::string::npos);
  EXPECT_EQ(uno.requests, 0);
}

TEST_F(Wire, ServerOutsideTheFileIsRefused) {
  duo = identity_of(authority, "tre");
  EXPECT_NE(exchange(hello_frame("tre") + request_frame(1)).find("no other server of this pair"), std::string::npos);
  EXPECT_EQ(uno.requests, 0);
}

TEST_F(Wire, SitesKeyDoesNotOpenThePeersChannel) {
  Subject subject = site_subject("duo", {});
  subject.connects = true; // even if it could be a client
  duo = identity_of(authority, subject);
  EXPECT_EQ(exchange(hello_frame("duo") + request_frame(1)), "");
  EXPECT_EQ(uno.requests, 0);
}

TEST_F(Wire, ExpiredCertificateIsRefused) {
  const auto past = std::chrono::system_clock::now() - std::chrono::hours(100);
  const auto issued = authority.issue(server_subject("duo", {}), past, std::chrono::hours(1)).value();
  duo = {authority.certificate(), issued.certificate, issued.key};
  RawTls raw(uno.port(), duo);
  raw.send(hello_frame("duo") + request_frame(1));
  EXPECT_EQ(raw.read_to_end(), "");
  EXPECT_EQ(uno.requests, 0);
}

TEST_F(Wire, OlderTlsIsRefused) {
  EXPECT_FALSE(RawTls(uno.port(), duo, TLS1_2_VERSION).connected());
}

TEST_F(Wire, StrangerGetsInOnlyWhileSomebodyMayJoin) {
  RawTls closed(uno.port(), {});
  closed.send(hello_frame("") + request_frame(1));
  EXPECT_EQ(closed.read_to_end(), "");
  EXPECT_EQ(uno.requests, 0);
  uno.strangers = true;
  RawTls open(uno.port(), {});
  open.send(hello_frame("", "") + request_frame(1));
  EXPECT_TRUE(eventually([&] { return uno.asked_by_strangers == 1; }));
}

TEST_F(Wire, StrangersFramesAreSmall) {
  uno.strangers = true;
  RawTls raw(uno.port(), {});
  raw.send(std::string("\x00\x01\x00\x01", 4));
  EXPECT_NE(raw.read_to_end().find("more than the 65536"), std::string::npos);
}

TEST_F(Wire, SilentPeerIsGivenUp) {
  RawTls raw(uno.port(), duo);
  raw.send(hello_frame("duo"));
  ASSERT_TRUE(eventually([&] { return uno.connected("duo"); }));
  EXPECT_TRUE(eventually([&] { return !uno.connected("duo"); }));
  EXPECT_NE(uno.state("duo").problem.size(), 0U);
}

TEST(AskAsStranger, IsAnsweredByTheServerWhoseAuthorityIsPinned) {
  const Authority authority = new_authority();
  Node uno("uno", identity_of(authority, "uno"), {});
  uno.strangers = true;
  RunningLoop loop;
  const auto ask = [&](const std::string& pin) {
    return wait_for_answer(*loop, [&](auto event, auto answer) {
      ask_as_stranger(*loop, {"127.0.0.1", uno.port()}, pin, {"", "", "boot", "0"}, "echo", {{"a", 1}}, event, answer,
                      std::chrono::seconds(10));
    });
  };
  const std::string pin = fingerprint(authority.certificate()).value();
  EXPECT_EQ(ask(pin).value(), (Json{{"a", 1}}));
  EXPECT_EQ(ask(pin.substr(0, 32)).value(), (Json{{"a", 1}}));
  const int before = uno.requests;
  const auto refused = ask(fingerprint(new_authority().certificate()).value());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_FALSE(ask("")) << "no pin is no reason to trust anybody";
  EXPECT_EQ(uno.requests, before);
}

} // namespace
} // namespace tandem::peer
