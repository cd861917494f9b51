// Streams between two agents: a near descriptor, both agents, TLS, and a program over there.
#include "peer/stream.hpp"
#include "support.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

namespace tandem::agent {
namespace {

using testing::eventually;
using testing::Two;

StreamProgram program(std::vector<std::string> arguments, bool alone = false, std::string not_beside = {}) {
  return {.command = [arguments](Agent&, const std::string&, const Json&) -> Result<system::Command> {
            return system::Command{.arguments = arguments};
          },
          .alone = alone,
          .not_beside = std::move(not_beside)};
}

struct Pipe {
  std::array<int, 2> ends{};

  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }

  ~Pipe() {
    close_write();
    ::close(ends[0]);
  }

  void close_write() {
    if (ends[1] >= 0) ::close(std::exchange(ends[1], -1));
  }
};

struct StreamTest : ::testing::Test {
  Two two;
  std::atomic<int> asked = 0;

  void begin() {
    two.uno.start();
    two.duo.start(
        {},
        {{"copy", program({"cat"})},
         {"count", program({"wc", "-c"})},
         {"silent", program({"sleep", "1000"})},
         {"deaf",
          program({"sh", "-c", "trap '' PIPE TERM; exec flock " + two.duo.run_folder() + "/lock sleep 1000"}, true)},
         {"reading", program({"flock", "-n", two.duo.run_folder() + "/lock", "cat"}, false, "deaf")},
         {"refusing",
          {.command = [this](Agent&, const std::string& server, const Json& params) -> Result<system::Command> {
            ++asked;
            return fail(ErrorKind::refused, server + " may not " + params["arguments"][0].get<std::string>());
          }}}});
    const auto init = two.uno.ask("init");
    ASSERT_TRUE(init) << init.error().message;
    const std::string address = "127.0.0.1:" + std::to_string(two.port);
    ASSERT_TRUE(two.duo.ask("join", {{"address", address}, {"token", (*init)["token"]}}));
    ASSERT_TRUE(eventually([&] { return two.uno.sees("duo"); }));
  }

  // As `tandem stream duo NAME` with that on its standard input.
  Result<std::string> run(const std::string& name, const std::string& input, const std::string& latch = {},
                          const std::vector<std::string>& arguments = {"jump"}) {
    auto client = peer::LocalClient::connect(two.uno.socket(), "0.1").value();
    Json params{{"server", "duo"}, {"name", name}, {"params", {{"arguments", arguments}}}};
    if (!latch.empty()) params["latch"] = latch;
    if (auto opened = client.call("stream", params); !opened) return std::unexpected(opened.error());
    Pipe in;
    Pipe out;
    std::thread writer([&] {
      for (std::string_view rest = input; !rest.empty();) {
        const ssize_t written = ::write(in.ends[1], rest.data(), rest.size());
        if (written <= 0) break;
        rest.remove_prefix(static_cast<std::size_t>(written));
      }
      in.close_write();
    });
    auto reader = std::async(std::launch::async, [&] {
      std::string all;
      std::array<char, 65536> bytes{};
      for (ssize_t got = 0; (got = ::read(out.ends[0], bytes.data(), bytes.size())) > 0;)
        all.append(bytes.data(), static_cast<std::size_t>(got));
      return all;
    });
    const auto carried = client.carry(in.ends[0], out.ends[1]);
    out.close_write();
    writer.join();
    std::string output = reader.get();
    if (!carried) return std::unexpected(carried.error());
    return output;
  }

  std::size_t running() {
    return two.duo.loop().on([&] { return two.duo.agent().streams().running(); });
  }

  bool is_locked() {
    const system::Descriptor file(::open((two.duo.run_folder() + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    return ::flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  }

  // A program over there that runs and holds its lock, and takes no notice of its connection.
  std::future<Result<std::string>> write_for_ever(const std::string& latch) {
    two.uno.loop().on([&] { two.uno.agent().streams().hold(latch, std::chrono::minutes(5)); });
    auto written = std::async(std::launch::async, [this, latch] { return run("deaf", "", latch); });
    EXPECT_TRUE(eventually([&] {
      return two.uno.loop().on([&] { return two.uno.agent().streams().waiting(latch); }) == 1 && is_locked();
    }));
    return written;
  }
};

TEST_F(StreamTest, BytesGoThroughAProgramOnTheOtherServerAndComeBack) {
  begin();
  EXPECT_EQ(run("copy", "hello").value(), "hello");
  EXPECT_EQ(run("copy", "").value(), "");
}

TEST_F(StreamTest, TenMegabytesBothWaysComeBackWhole) {
  begin();
  std::string large(10'000'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<char>(i * 7919 >> 5);
  EXPECT_TRUE(run("copy", large).value() == large);
  EXPECT_EQ(run("count", large).value(), "10000000\n");
}

TEST_F(StreamTest, ManyAtOnceDoNotMix) {
  begin();
  std::vector<std::future<Result<std::string>>> runs;
  for (int i = 0; i < 8; ++i)
    runs.push_back(std::async(std::launch::async,
                              [&, i] { return run("copy", std::string(100'000, static_cast<char>('a' + i))); }));
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(runs[static_cast<std::size_t>(i)].get().value(), std::string(100'000, static_cast<char>('a' + i)));
}

TEST_F(StreamTest, WhatTheOtherAgentDoesNotKnowOrRefusesIsNotStarted) {
  begin();
  EXPECT_EQ(run("shell", "").error().kind, ErrorKind::not_found);
  const auto refused = run("refusing", "");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_EQ(refused.error().message, "uno may not jump");
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(run("copy", "still works").value(), "still works");
}

// One that does not see that nobody listens any more would write beside the next one.
TEST_F(StreamTest, OneThatIsToBeAloneIsBegunOnceTheFormerOneHasEnded) {
  begin();
  auto first = write_for_ever("first");
  auto second = std::async(std::launch::async, [&] { return run("deaf", ""); });
  two.uno.loop().on([&] { two.uno.agent().streams().let_go("first"); });
  first.wait(); // it would not end by itself
  EXPECT_TRUE(eventually([&] { return running() == 1; }));
  two.duo.loop().on([&] { two.duo.agent().streams().end_started(); });
  second.wait();
}

// What it reads would still be written to.
TEST_F(StreamTest, OneThatReadsWhatAnotherWritesIsBegunOnceThatHasEndedWhereItIsAFormerOne) {
  begin();
  auto first = write_for_ever("first");
  EXPECT_EQ(run("reading", "beside it").value(), "") << "one that is connected goes on";
  EXPECT_EQ(run("reading", "after it", {}, {no_stream_word}).value(), "after it");
  two.uno.loop().on([&] { two.uno.agent().streams().let_go("first"); });
  first.wait();
  auto second = write_for_ever("second");
  two.uno.loop().on([&] { two.uno.agent().streams().hold("second", {}); }); // its connection is closed
  second.wait();
  EXPECT_TRUE(eventually([&] { return run("reading", "after it").value() == "after it"; }));
}

TEST_F(StreamTest, WhatNamesALatchBeginsOverThereAndCarriesNothingBeforeItIsLetGo) {
  begin();
  two.uno.loop().on([&] { two.uno.agent().streams().hold("ready", std::chrono::minutes(5)); });
  auto stream = std::async(std::launch::async, [&] { return run("copy", "hello", "ready"); });
  EXPECT_TRUE(eventually([&] { return two.duo.loop().on([&] { return two.duo.agent().open_streams() == 1; }); }))
      << "the program over there has started";
  EXPECT_EQ(run("copy", "others pass").value(), "others pass");
  EXPECT_EQ(two.uno.loop().on([&] { return two.uno.agent().open_streams(); }), 0U) << "nothing is joined yet";
  two.uno.loop().on([&] { two.uno.agent().streams().let_go("ready"); });
  EXPECT_EQ(stream.get().value(), "hello");
  EXPECT_EQ(run("copy", "at once", "ready").value(), "at once") << "a latch that nobody holds keeps nothing";
}

TEST_F(StreamTest, WhatWaitsAtALatchEndsWithItsAgent) {
  begin();
  two.uno.loop().on([&] { two.uno.agent().streams().hold("ready", std::chrono::minutes(5)); });
  auto stream = std::async(std::launch::async, [&] { return run("copy", "hello", "ready"); });
  EXPECT_TRUE(eventually([&] { return two.duo.loop().on([&] { return two.duo.agent().open_streams() == 1; }); }));
  two.uno.stop();
  EXPECT_FALSE(stream.get());
  EXPECT_TRUE(eventually([&] { return two.duo.loop().on([&] { return two.duo.agent().open_streams() == 0; }); }));
}

TEST_F(StreamTest, ALatchThatIsForgottenClosesWhatWaitsThere) {
  begin();
  two.uno.loop().on([&] { two.uno.agent().streams().hold("ready", std::chrono::milliseconds(300)); });
  auto stream = std::async(std::launch::async, [&] { return run("copy", "hello", "ready"); });
  const auto ended = stream.get();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().message, "nobody has let the stream go on");
  EXPECT_TRUE(eventually([&] { return two.duo.loop().on([&] { return two.duo.agent().open_streams() == 0; }); }));
  EXPECT_EQ(run("copy", "at once", "ready").value(), "at once");
}

TEST_F(StreamTest, WhatTheFormerPrimarySendsEndsWhenAnotherIsThePrimary) {
  begin();
  auto stream = std::async(std::launch::async, [&] { return run("silent", "x"); });
  const auto running = [&] { return two.duo.loop().on([&] { return two.duo.agent().streams().running(); }); };
  const auto learn = [&](const peer::Standing& standing) {
    two.duo.loop().on([&] { two.duo.agent().set_standing(standing); });
  };
  learn({1, "uno"});
  ASSERT_TRUE(eventually([&] { return running() == 1; }));
  learn({2, "uno"});
  EXPECT_EQ(running(), 1U) << "it is the same primary";
  learn({3, "duo"});
  EXPECT_TRUE(eventually([&] { return running() == 0; }));
  EXPECT_TRUE(stream.get()) << "to the sender it is an end like any other";
}

TEST_F(StreamTest, RequestsGoOnBesideAStream) {
  begin();
  auto stream = std::async(std::launch::async, [&] { return run("silent", "x"); });
  EXPECT_TRUE(eventually([&] { return two.duo.loop().on([&] { return two.duo.agent().open_streams() == 1; }); }));
  EXPECT_TRUE(two.uno.sees("duo"));
  two.duo.stop();
  EXPECT_FALSE(stream.get()) << "the stream broke off with its agent";
}

// A program of this machine that listens on loopback: each connection gets back what it sends.
class Echo {
public:
  explicit Echo(bool answers = true) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_.get(), answers ? 16 : 0), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port = ntohs(address.sin_port);
    if (answers) thread_ = std::jthread([this] { serve(); });
  }

  ~Echo() {
    const std::lock_guard lock(mutex_);
    ::shutdown(socket_.get(), SHUT_RDWR);
    for (const auto& taken : taken_)
      ::shutdown(taken.get(), SHUT_RDWR);
  }

  // So many wait that the kernel takes no more.
  void fill() {
    for (int i = 0; i < 4; ++i)
      peer::connect_loopback(*loop_, port, std::chrono::minutes(1), [this](Result<system::Descriptor> taken) {
        if (taken) waiting_.push_back(std::move(*taken));
      });
  }

  std::uint16_t port = 0;

private:
  void serve() {
    for (;;) {
      const int taken = ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (taken < 0) return;
      const std::lock_guard lock(mutex_);
      taken_.emplace_back(taken);
      answering_.emplace_back([taken] {
        std::array<char, 4096> bytes{};
        for (ssize_t got = 0; (got = ::read(taken, bytes.data(), bytes.size())) > 0;)
          if (::write(taken, bytes.data(), static_cast<std::size_t>(got)) != got) return;
        ::shutdown(taken, SHUT_RDWR);
      });
    }
  }

  system::Descriptor socket_;
  peer::testing::RunningLoop loop_;
  std::vector<system::Descriptor> waiting_; // the loop's
  std::mutex mutex_;
  std::vector<system::Descriptor> taken_;
  std::vector<std::jthread> answering_; // ends before the descriptors go
  std::jthread thread_;
};

struct PortTest : StreamTest {
  struct Opened {
    std::optional<Result<void>> open;
    peer::ConnectionPtr connection;
    bool closed = false;
  };

  void lead_to(std::uint16_t port) {
    two.duo.bind = [port](Settings& settings, std::vector<Operation>&) {
      settings.stream_ports["port"] = [port](Agent&, const std::string&) -> Result<std::uint16_t> { return port; };
    };
    begin();
  }

  // On uno's loop, as all of what it returns.
  std::shared_ptr<Opened> open() {
    auto opened = std::make_shared<Opened>();
    two.uno.loop().on([&] {
      two.uno.agent().network()->open_stream("duo", "port", Json::object(), [opened](Result<peer::ConnectionPtr> far) {
        opened->open = far ? Result<void>() : std::unexpected(far.error());
        if (!far) return;
        opened->connection = *far;
        (*far)->redirect(
            {.on_frame = [](const std::string&) {}, .on_closed = [opened](const Error&) { opened->closed = true; }});
        (*far)->resume();
      });
    });
    EXPECT_TRUE(eventually([&] { return two.uno.loop().on([&] { return opened->open.has_value(); }); }));
    return opened;
  }
};

TEST_F(PortTest, BytesReachTheProgramThatListensThere) {
  const Echo echo;
  lead_to(echo.port);
  EXPECT_EQ(run("port", "hello").value(), "hello");
}

TEST_F(PortTest, OneThatIsOpenedAnewTakesThePlaceOfTheOldest) {
  const Echo echo;
  lead_to(echo.port);
  const auto first = open();
  ASSERT_TRUE(*first->open);
  for (int i = 0; i < 40; ++i) {
    const auto next = open();
    ASSERT_TRUE(*next->open) << "no number of those that were given up keeps a new one away";
  }
  EXPECT_TRUE(eventually([&] { return two.uno.loop().on([&] { return first->closed; }); }));
}

TEST_F(PortTest, AProgramThatTakesNobodyHoldsUpNobodyElse) {
  Echo hangs(false);
  hangs.fill();
  lead_to(hangs.port);
  auto waits = std::async(std::launch::async, [&] { return open(); });
  EXPECT_EQ(run("copy", "hello").value(), "hello");
  EXPECT_EQ(waits.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "nobody has waited for it";
  EXPECT_THAT(waits.get()->open->error().message, ::testing::HasSubstr("no answer in time"));
}

} // namespace
} // namespace tandem::agent
