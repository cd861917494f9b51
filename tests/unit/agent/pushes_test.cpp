#include "agent/hook_door.hpp"
#include "agent/pushes.hpp"
#include "unit/peer/support.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace tandem::agent {
namespace {

using peer::Json;
using peer::testing::RunningLoop;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string one(40, '1');
const std::string two(40, '2');
constexpr auto* early = "2026-11-27 01:00:00 UTC";
constexpr auto* late = "2026-11-27 01:00:09 UTC";

std::string announced(const std::string& ref, const std::string& after) {
  return Json{{"ref", ref}, {"after", after}, {"repository", {{"full_name", "shop/shop"}}}}.dump();
}

std::string state_of(const PushBook& book, const std::string& domain) {
  for (const auto& push : book.list())
    if (push["domain"] == domain) return push["state"];
  return "none";
}

PushBook with_waiting(const std::string& commit, const std::string& at) {
  PushBook book;
  book.take("a.test", {commit, at});
  return book;
}

} // namespace

TEST(Announcements, OfAPushNameTheBranchAndItsTip) {
  const auto said = read_announcement("push", announced("refs/heads/release/1.0", one));
  ASSERT_TRUE(said);
  EXPECT_EQ(said->kind, Announcement::Kind::push);
  EXPECT_EQ(said->branch, "release/1.0");
  EXPECT_EQ(said->commit, one);
}

TEST(Announcements, OfAnythingElseAskForNothing) {
  const std::vector<std::pair<std::string, std::string>> others{
      {"ping", R"({"zen": "Keep it logically awesome."})"},
      {"create", announced("main", one)},
      {"", announced("refs/heads/main", one)},
      {"push", announced("refs/tags/v1", one)},
      {"push", announced("refs/heads/main", std::string(40, '0'))},
  };
  for (const auto& [event, body] : others) {
    const auto said = read_announcement(event, body);
    ASSERT_TRUE(said) << body;
    EXPECT_EQ(said->kind, Announcement::Kind::nothing) << event << " " << body;
  }
}

TEST(Announcements, ThatAreBrokenAreErrors) {
  for (const std::string body :
       {"", "payload=%7B%7D", "[]", "{}", R"({"ref": 1, "after": "a"})", R"({"ref": "refs/heads/main"})"})
    EXPECT_FALSE(read_announcement("push", body)) << body;
  EXPECT_FALSE(read_announcement("push", announced("refs/heads/main", "; rm -rf /")));
}

TEST(Pushes, DuringADeployBecomeOneMoreAfterIt) {
  auto book = with_waiting(one, early);
  EXPECT_THAT(book.ready(), ElementsAre("a.test"));
  book.begin("a.test");
  EXPECT_EQ(state_of(book, "a.test"), "deploying");
  book.take("a.test", {two, late});
  book.take("a.test", {one, late});
  EXPECT_THAT(book.ready(), IsEmpty()) << "one deploy of a site at a time";
  book.end_well("a.test");
  EXPECT_THAT(book.ready(), ElementsAre("a.test"));
  book.begin("a.test");
  book.end_well("a.test");
  EXPECT_THAT(book.ready(), IsEmpty());
  EXPECT_EQ(state_of(book, "a.test"), "deployed");
}

TEST(Pushes, BeginInTheOrderInWhichTheyCame) {
  auto book = with_waiting(one, late);
  book.take("b.test", {two, early});
  EXPECT_THAT(book.ready(), ElementsAre("b.test", "a.test"));
}

TEST(Pushes, ThatCouldNotBeginWaitAndSayWhy) {
  auto book = with_waiting(one, early);
  book.begin("a.test");
  book.put_back("a.test", "the switchover is under way");
  EXPECT_THAT(book.ready(), ElementsAre("a.test"));
  EXPECT_EQ(book.list()[0]["problem"], "the switchover is under way");
  EXPECT_THAT(book.problems(), IsEmpty()) << "waiting is none";
  book.begin("a.test");
  book.take("a.test", {two, late});
  book.put_back("a.test", "again");
  EXPECT_EQ(book.list()[0]["commit"], two) << "the newer one stands for both";
}

TEST(Pushes, ThatArePutBackAgainAndAgainAreAProblem) {
  auto book = with_waiting(one, early);
  for (int attempt = 1; attempt <= 5; ++attempt) {
    EXPECT_THAT(book.problems(), IsEmpty()) << attempt;
    book.begin("a.test");
    book.put_back("a.test", "no room for the dump");
    book.put_back("a.test", "a switchover is under way");
    EXPECT_EQ(book.attempts("a.test"), attempt) << "what could not begin is no attempt";
    book = PushBook::from_json(book.to_json());
  }
  EXPECT_THAT(book.problems(), ElementsAre(::testing::HasSubstr("after 5 attempts: a switchover is under way")));
  book.begin("a.test");
  book.end_well("a.test");
  book.deployed("a.test", late);
  EXPECT_THAT(book.problems(), IsEmpty());
  EXPECT_EQ(book.attempts("a.test"), 0);
}

TEST(Pushes, ThatFailedAreAProblemUntilTheSiteIsDeployed) {
  auto book = with_waiting(one, early);
  book.begin("a.test");
  book.end_badly("a.test", "it answers 500 to /");
  EXPECT_EQ(state_of(book, "a.test"), "failed");
  EXPECT_THAT(book.ready(), IsEmpty()) << "what is broken is not tried for ever";
  EXPECT_THAT(book.problems(), ElementsAre(HasSubstr("it answers 500 to /")));
  EXPECT_THAT(PushBook::from_json(book.to_json()).problems(), SizeIs(1));
  book.deployed("a.test", late);
  EXPECT_THAT(book.problems(), IsEmpty());
}

TEST(Pushes, OutliveTheAgentWhateverTheirStateWas) {
  auto book = with_waiting(one, early);
  EXPECT_THAT(PushBook::from_json(book.to_json()).ready(), ElementsAre("a.test"));
  book.begin("a.test");
  EXPECT_THAT(PushBook::from_json(book.to_json()).ready(), ElementsAre("a.test")) << "its deploy died with the agent";
  book.end_well("a.test");
  EXPECT_THAT(PushBook::from_json(book.to_json()).ready(), IsEmpty());
}

TEST(Pushes, ThatAFileCannotMeanAreLeftOut) {
  EXPECT_TRUE(PushBook::from_json(Json::array()).empty());
  EXPECT_TRUE(PushBook::from_json(Json{{"a.test", 1}}).empty());
  EXPECT_THAT(PushBook::from_json(Json{{"a.test", {{"waiting", {{"commit", "x"}, {"at", early}}}}}}).ready(),
              IsEmpty());
}

TEST(Pushes, OfTheFormerPrimaryAreTakenOverUnlessLaterOnesAreKnown) {
  PushBook own;
  own.take_over(with_waiting(one, early));
  EXPECT_THAT(own.ready(), ElementsAre("a.test"));
  own.begin("a.test");
  own.end_well("a.test");
  own.take_over(with_waiting(one, early));
  EXPECT_THAT(own.ready(), IsEmpty()) << "handed over twice";
  own.take_over(with_waiting(two, late));
  EXPECT_THAT(own.ready(), ElementsAre("a.test"));
  own.take_over(with_waiting(one, early));
  EXPECT_EQ(own.list()[0]["commit"], two) << "an older one";
}

TEST(Pushes, ThatFailedOnTheFormerPrimaryAreAProblemOnTheNewOneUnlessItHasDeployedSince) {
  auto former = with_waiting(one, early);
  former.begin("a.test");
  former.end_badly("a.test", "broken");
  PushBook fresh;
  fresh.take_over(former);
  EXPECT_THAT(fresh.problems(), SizeIs(1));
  PushBook mended;
  mended.deployed("a.test", late);
  mended.take_over(former);
  EXPECT_THAT(mended.problems(), IsEmpty());
}

TEST(Pushes, ThatWereGivenAwayAreGoneButForWhatCameSince) {
  auto book = with_waiting(one, early);
  book.take("b.test", {one, early});
  const auto given = book;
  book.take("b.test", {two, late});
  book.give_away(given);
  EXPECT_THAT(book.ready(), ElementsAre("b.test"));
}

TEST(Pushes, OfSitesThatAreNoMoreAreForgotten) {
  auto book = with_waiting(one, early);
  EXPECT_FALSE(book.keep_only({"a.test"}));
  EXPECT_TRUE(book.keep_only({"b.test"}));
  EXPECT_TRUE(book.empty());
}

TEST(WholeRequests, ComeWithTheirBody) {
  const std::string text = "POST /.tandem/push HTTP/1.1\r\nX-GitHub-Event: push\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto part = whole_request(text.substr(0, length), 5);
    ASSERT_TRUE(part) << length;
    EXPECT_FALSE(*part) << length;
  }
  const auto whole = whole_request(text, 5);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((*whole)->head.method, "POST");
  EXPECT_EQ((*whole)->field("x-github-event"), "push");
  EXPECT_EQ((*whole)->field("x-gitea-event"), "");
  EXPECT_EQ((*whole)->body, "hello");
  EXPECT_FALSE(whole_request(text, 4)) << "too large a body is refused before it has come";
  EXPECT_FALSE(whole_request("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 5));
}

namespace {

// What a sender hears that says this and nothing more.
std::string hear_at(const std::string& path, const std::string& text) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  EXPECT_EQ(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::send(socket, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  ::shutdown(socket, SHUT_WR);
  std::string heard;
  std::array<char, 512> part{};
  for (ssize_t got = 0; (got = ::recv(socket, part.data(), part.size(), 0)) > 0;)
    heard.append(part.data(), static_cast<std::size_t>(got));
  ::close(socket);
  return heard;
}

} // namespace

TEST(HookDoorTest, AnswersWhatItTakesAndHangsUpOnTheRest) {
  const auto path = ::testing::TempDir() + "tandem-push-" + std::to_string(::getpid()) + ".sock";
  RunningLoop loop;
  std::unique_ptr<HookDoor> door;
  loop.on([&] {
    door = std::make_unique<HookDoor>(*loop, 10, [](const HttpRequest& request, const HookDoor::Reply& reply) {
      reply({202, "taken: " + request.body});
    });
    EXPECT_TRUE(door->listen(path));
  });
  const std::string head = "POST / HTTP/1.1\r\nContent-Length: ";
  EXPECT_THAT(hear_at(path, head + "5\r\n\r\nhello"), ::testing::EndsWith("\r\n\r\ntaken: hello\n"));
  EXPECT_THAT(hear_at(path, head + "11\r\n\r\n"), ::testing::StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(hear_at(path, head + "9\r\n\r\nhello"), "") << "cut off";
  loop.on([&] { door.reset(); });
  EXPECT_NE(::access(path.c_str(), F_OK), 0) << "the socket stays behind";
}

} // namespace tandem::agent
