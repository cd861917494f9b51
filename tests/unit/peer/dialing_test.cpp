// How many connections a network makes, as the server at the other end sees it.
#include "peer/network.hpp"
#include "peer/transport.hpp"
#include "support.hpp"

namespace tandem::peer {
namespace {

using testing::eventually;
using testing::identity_of;
using testing::RunningLoop;

// Accepts connections and never says a word.
struct Counter {
  explicit Counter(const Identity& identity) {
    loop.on([&] {
      auto made = listen_tls(*loop, {"127.0.0.1", 0}, identity, nullptr,
                             [this](const ConnectionPtr& connection) { count(connection); });
      ASSERT_TRUE(made) << made.error().message;
      listener = std::move(*made);
    });
  }

  ~Counter() {
    loop.on([&] { listener.reset(); });
  }

  void count(const ConnectionPtr& connection) {
    ++accepted;
    connection->start(
        {.on_frame = [this](const std::string&) { ++hellos; }, .on_closed = [this](const Error&) { ++ended; }});
  }

  RunningLoop loop;
  std::unique_ptr<Listener> listener;
  int accepted = 0;
  int hellos = 0;
  int ended = 0;
};

// A second session beside the first would be forgotten, and stay connected for as long as the agent runs.
TEST(Dialing, ServerThatLeavesAndIsBackWhileItIsDialedGetsOneSession) {
  const Authority authority = testing::new_authority();
  Counter duo(identity_of(authority, "duo"));
  const Member member{"duo", {"127.0.0.1", duo.loop.on([&] { return duo.listener->port(); })}};
  RunningLoop loop;
  std::unique_ptr<Network> network;
  loop.on([&] {
    NetworkSettings settings{
        {"pair-1", "uno", "uno-boot", "0"}, identity_of(authority, "uno"), {"127.0.0.1", 0}, {member}, Timing{}};
    network = std::make_unique<Network>(*loop, std::move(settings), Network::Hooks{});
    ASSERT_TRUE(network->start());
    network->set_others({});
    network->set_others({member});
  });
  EXPECT_TRUE(
      eventually([&] { return duo.loop.on([&] { return duo.accepted == 2 && duo.hellos + duo.ended >= 2; }); }));
  EXPECT_EQ(duo.loop.on([&] { return duo.hellos; }), 1);
  loop.on([&] { network.reset(); });
  EXPECT_TRUE(eventually([&] { return duo.loop.on([&] { return duo.ended == 2; }); })) << "a connection was forgotten";
}

// As `uno` dials a server that shows this certificate; the error.
Error refused_certificate(const Authority& authority, std::chrono::system_clock::time_point issued_at) {
  const auto issued = authority.issue(server_subject("duo", {"127.0.0.1"}), issued_at, std::chrono::hours(10)).value();
  Counter duo({authority.certificate(), issued.certificate, issued.key});
  const Address where{"127.0.0.1", duo.loop.on([&] { return duo.listener->port(); })};
  RunningLoop loop;
  std::promise<Result<ConnectionPtr>> dialed;
  loop.on([&] {
    dial_tls(*loop, where, identity_of(authority, "uno"), "duo", std::chrono::seconds(30),
             [&](Result<ConnectionPtr> connection) { dialed.set_value(std::move(connection)); });
  });
  const auto connection = dialed.get_future().get();
  EXPECT_FALSE(connection);
  return connection ? Error{} : connection.error();
}

TEST(Dialing, ClockThatIsWrongIsNamedWhereACertificateIsNotValidByIt) {
  const Authority authority = testing::new_authority();
  const auto now = std::chrono::system_clock::now();
  const auto early = refused_certificate(authority, now + std::chrono::hours(100));
  EXPECT_NE(early.message.find("is not valid yet"), std::string::npos) << early.message;
  EXPECT_NE(early.hint.find("timedatectl"), std::string::npos);
  const auto late = refused_certificate(authority, now - std::chrono::hours(100));
  EXPECT_NE(late.message.find("has expired"), std::string::npos) << late.message;
}

} // namespace
} // namespace tandem::peer
