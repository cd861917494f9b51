#include "system/applications.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

namespace tandem::system {

namespace {

// A socket that listens in a folder of its own, like uWSGI's.
class Listener {
public:
  Listener() {
    std::string pattern = "/tmp/tandem-applications-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    path = folder_ + "/site.sock";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(static_cast<char*>(address.sun_path), path.c_str());
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
  }

  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  ~Listener() {
    ::close(fd_);
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] int take() const { return ::accept(fd_, nullptr, nullptr); }

  std::string path;

private:
  std::string folder_;
  int fd_ = -1;
};

} // namespace

TEST(Applications, AQuestionIsARequestInUwsgisProtocol) {
  const auto packet = uwsgi_packet({.host = "janome.club", .path = "/health/?full=1"});
  ASSERT_GT(packet.size(), 4U);
  EXPECT_EQ(packet[0], 0);
  EXPECT_EQ(packet[3], 0);
  const auto size = static_cast<unsigned char>(packet[1]) + (static_cast<unsigned char>(packet[2]) << 8);
  EXPECT_EQ(packet.size(), 4U + static_cast<std::size_t>(size));
  const auto variable = [](const std::string& name, const std::string& value) {
    return std::string(1, static_cast<char>(name.size())) + '\0' + name + static_cast<char>(value.size()) + '\0' +
           value;
  };
  for (const auto& [name, value] : std::map<std::string, std::string>{{"HTTP_HOST", "janome.club"},
                                                                      {"PATH_INFO", "/health/"},
                                                                      {"QUERY_STRING", "full=1"},
                                                                      {"REQUEST_URI", "/health/?full=1"},
                                                                      {"HTTPS", "on"}})
    EXPECT_NE(packet.find(variable(name, value)), std::string::npos) << name;
}

TEST(Applications, TheStatusStandsInTheFirstLine) {
  EXPECT_EQ(status_of_answer("HTTP/1.1 302 Found\r\nLocation: /\r\n"), 302);
  EXPECT_EQ(status_of_answer("HTTP/1.0 200"), 200);
  for (const auto* text : {"", "HTTP/1.1", "200 OK", "HTTP/1.1 abc", "garbage\nHTTP/1.1 200 OK"})
    EXPECT_EQ(status_of_answer(text), 0) << text;
}

TEST(Applications, TakenAndWaitingConnectionsCountAndTheListenerDoesNot) {
  const std::string text = "Num       RefCount Protocol Flags    Type St Inode Path\n"
                           "00000000b361: 00000003 00000000 00000000 0001 03 43051 /run/a/1.sock\n"
                           "000000003bc6: 00000003 00000000 00000000 0001 02     0 /run/a/1.sock\n"
                           "00000000f749: 00000002 00000000 00010000 0001 01 40919 /run/a/1.sock\n"
                           "00000000f750: 00000003 00000000 00000000 0001 03 40920 /other/run/a/1.sock\n"
                           "00000000f751: 00000003 00000000 00000000 0001 03 40921\n";
  EXPECT_EQ(count_connections(text, "/run/a/1.sock"), 2U);
  EXPECT_EQ(count_connections(text, "/run/a/2.sock"), 0U);
}

TEST(Applications, AnAnswerComesThroughARealSocket) {
  const Listener listener;
  const std::jthread server([&] {
    const int fd = listener.take();
    std::array<char, 4096> request{};
    EXPECT_GT(::recv(fd, request.data(), request.size(), 0), 4);
    const std::string answer = "HTTP/1.1 204 No Content\r\n\r\n";
    EXPECT_EQ(::send(fd, answer.data(), answer.size(), 0), static_cast<ssize_t>(answer.size()));
    ::close(fd);
  });
  UwsgiApplications applications;
  const auto answer = applications.ask(listener.path, {.host = "janome.club"});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 204);
}

TEST(Applications, OneThatClosesOrDoesNotAnswerIsUnavailable) {
  const Listener listener;
  UwsgiApplications applications;
  const auto silent = applications.ask(
      listener.path, {.host = "janome.club", .path = "/", .time_limit = std::chrono::milliseconds(20)});
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().kind, ErrorKind::unavailable);
  const auto nobody = applications.ask(listener.path + "x", {.host = "janome.club"});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().kind, ErrorKind::unavailable);
}

TEST(Applications, ItIsBusyWhileARequestWaitsOrIsTakenAndIdleAfterIt) {
  const Listener listener;
  UwsgiApplications applications;
  const auto at_once = std::chrono::milliseconds(0);
  EXPECT_TRUE(*applications.wait_idle(listener.path, at_once));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(static_cast<char*>(address.sun_path), listener.path.c_str());
  const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_FALSE(*applications.wait_idle(listener.path, at_once)) << "it waits to be taken";
  const int taken = listener.take();
  EXPECT_FALSE(*applications.wait_idle(listener.path, at_once)) << "it is being answered";
  ::close(taken);
  EXPECT_TRUE(*applications.wait_idle(listener.path, std::chrono::seconds(10)));
  ::close(client);
}

} // namespace tandem::system
