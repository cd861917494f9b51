#include "system/descriptor.hpp"
#include "system/reach.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tandem::system {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A loopback socket on a free port; it takes connections once it listens.
class Port {
public:
  Port() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    number = ntohs(address.sin_port);
  }

  void listen() { EXPECT_EQ(::listen(socket_.get(), 1), 0); }

  std::uint16_t number = 0;

private:
  Descriptor socket_;
};

constexpr std::chrono::seconds generous{10};

TEST(LinuxReach, FindsTheOneThatListens) {
  Port open;
  Port closed;
  open.listen();
  EXPECT_THAT(LinuxReach().open_ports("127.0.0.1", {closed.number, open.number}, generous), ElementsAre(open.number));
}

TEST(LinuxReach, FindsNothingWhereNothingListensAndDoesNotWaitForIt) {
  Port closed;
  EXPECT_THAT(LinuxReach().open_ports("127.0.0.1", {closed.number}, std::chrono::hours(1)), IsEmpty());
}

TEST(LinuxReach, AnAddressThatIsNoneHasNoPorts) {
  EXPECT_THAT(LinuxReach().open_ports("no address", {80}, generous), IsEmpty());
}

} // namespace
} // namespace tandem::system
