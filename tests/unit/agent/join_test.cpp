// init and join between two real agents over TLS on loopback.
#include "agent/joining.hpp"
#include "support.hpp"

namespace tandem::agent {
namespace {

using testing::eventually;
using testing::Two;

std::string token_of(const Result<Json>& answer) {
  EXPECT_TRUE(answer) << answer.error().message;
  return answer ? (*answer)["token"].get<std::string>() : "";
}

Json join_params(const Two& two, const std::string& token) {
  return {{"address", "127.0.0.1:" + std::to_string(two.port)}, {"token", token}};
}

TEST(Join, TwoServersBecomeAPairAndSeeEachOther) {
  Two two;
  two.uno.start();
  two.duo.start();
  const auto init = two.uno.ask("init");
  const std::string token = token_of(init);
  EXPECT_EQ((*init)["server"], "uno");
  EXPECT_EQ((*init)["others"], Json::array({"duo"}));
  const auto joined = two.duo.ask("join", join_params(two, token));
  ASSERT_TRUE(joined) << joined.error().message;
  EXPECT_EQ((*joined)["server"], "duo");
  EXPECT_EQ((*joined)["pair"], "shops");
  EXPECT_TRUE(eventually([&] { return two.uno.sees("duo") && two.duo.sees("uno"); }));
  EXPECT_EQ(two.duo.files.read("/etc/tandem/tandem.toml").value(), testing::pair_file(two.port));
  EXPECT_EQ(two.duo.files.read("/etc/tandem/secrets/shop").value(), std::string("a key\0with a zero", 17));
  EXPECT_EQ(two.duo.files.status("/etc/tandem/secrets/shop").value()->mode, 0600U);
  EXPECT_FALSE(two.duo.files.status("/var/lib/tandem/identity/join.key").value());
}

TEST(Join, ThePairGoesOnAfterBothAgentsWereRestarted) {
  Two two;
  two.uno.start();
  two.duo.start();
  ASSERT_TRUE(two.duo.ask("join", join_params(two, token_of(two.uno.ask("init")))));
  two.uno.stop();
  two.duo.stop();
  two.uno.start();
  two.duo.start();
  EXPECT_TRUE(eventually([&] { return two.uno.sees("duo") && two.duo.sees("uno"); }));
}

TEST(Join, NeitherInitNorJoinIsDoneTwice) {
  Two two;
  two.uno.start();
  two.duo.start();
  const std::string token = token_of(two.uno.ask("init"));
  ASSERT_TRUE(two.duo.ask("join", join_params(two, token)));
  const std::string disk = two.duo.disk();
  const auto again = two.uno.ask("init");
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)["already"], true);
  EXPECT_FALSE(again->contains("token"));
  EXPECT_EQ(two.uno.ask("init", {{"server", "duo"}}).error().kind, ErrorKind::refused);
  EXPECT_EQ(two.duo.ask("join", join_params(two, token)).error().kind, ErrorKind::refused);
  EXPECT_EQ(two.duo.disk(), disk);
}

// What a refused join must not have done, on either side.
struct Refusal : ::testing::Test {
  Two two;
  std::string token;

  void SetUp() override {
    two.uno.start();
    two.duo.start();
    token = token_of(two.uno.ask("init"));
  }

  Error refused(const Json& params) {
    const std::string uno = two.uno.disk();
    const std::string duo = two.duo.disk();
    const auto answer = two.duo.ask("join", params);
    EXPECT_FALSE(answer);
    EXPECT_EQ(two.uno.disk(), uno);
    const std::string after = two.duo.disk();
    EXPECT_EQ(after.find("pair.json"), std::string::npos);
    EXPECT_EQ(after.find("PRIVATE KEY"), std::string::npos);
    EXPECT_EQ(after.find("tandem.toml"), std::string::npos);
    return answer ? Error{} : answer.error();
  }
};

TEST_F(Refusal, OfASecretThatIsWrong) {
  auto wrong = peer::parse_token(token).value();
  wrong.secret = std::string(32, '0');
  const Error error = refused(join_params(two, peer::to_text(wrong)));
  EXPECT_EQ(error.kind, ErrorKind::refused);
  EXPECT_NE(error.message.find("not the one that was made last"), std::string::npos) << error.message;
}

TEST_F(Refusal, OfATokenThatANewerOneHasReplaced) {
  EXPECT_NE(token_of(two.uno.ask("token")), token);
  EXPECT_NE(refused(join_params(two, token)).message.find("made last"), std::string::npos);
}

TEST_F(Refusal, OfATokenThatHasExpired) {
  two.uno.loop().on([&] { two.uno.clock().wall += token_lifetime; });
  EXPECT_NE(refused(join_params(two, token)).message.find("expired"), std::string::npos);
}

TEST_F(Refusal, OfATokenThatAnotherServerHasUsed) {
  testing::Server tre("tre", "127.0.0.3", two.port);
  tre.start();
  Json params = join_params(two, token);
  params["server"] = "duo";
  ASSERT_TRUE(tre.ask("join", params));
  EXPECT_NE(refused(join_params(two, token)).message.find("already used, by duo"), std::string::npos);
}

TEST_F(Refusal, OfAServerThatIsNotInTheFile) {
  Json params = join_params(two, token);
  params["server"] = "tre";
  const Error error = refused(params);
  EXPECT_EQ(error.kind, ErrorKind::invalid);
  EXPECT_NE(error.message.find("\"tre\""), std::string::npos);
  EXPECT_NE(error.hint.find("uno, duo"), std::string::npos);
}

TEST_F(Refusal, OfTheNameOfTheFirstServerItself) {
  Json params = join_params(two, token);
  params["server"] = "uno";
  EXPECT_EQ(refused(params).kind, ErrorKind::refused);
}

TEST_F(Refusal, WhenTheServerThereIsOfAnotherAuthorityThanTheToken) {
  auto other = peer::parse_token(token).value();
  other.authority = std::string(32, '0');
  EXPECT_EQ(refused(join_params(two, peer::to_text(other))).kind, ErrorKind::refused);
}

TEST_F(Refusal, OfTextThatIsNoToken) {
  EXPECT_EQ(refused(join_params(two, "abc")).kind, ErrorKind::invalid);
}

TEST_F(Refusal, ByASecretsFileThatIsMissingOnTheFirstServer) {
  ASSERT_TRUE(two.uno.files.remove("/etc/tandem/secrets/shop"));
  EXPECT_NE(refused(join_params(two, token)).message.find("secrets/shop"), std::string::npos);
}

TEST(Join, WhenNobodyListensThereTheHintSaysWhatToLookAt) {
  Two two;
  two.duo.start();
  const auto answer =
      two.duo.ask("join", join_params(two, peer::to_text(peer::make_token(std::string(64, 'a')).value())));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  EXPECT_NE(answer.error().hint.find("agent run"), std::string::npos);
}

TEST(Join, KilledAfterAnyWriteOfItsOwnItIsFinishedBySameCommand) {
  for (int cut = 0;; ++cut) {
    ASSERT_LT(cut, 40);
    Two two;
    two.uno.start();
    two.duo.start();
    const std::string token = token_of(two.uno.ask("init"));
    two.duo.files.cut_after = two.duo.files.writes + cut;
    const auto first = two.duo.ask("join", join_params(two, token));
    two.duo.files.cut_after = -1;
    two.duo.stop();
    two.duo.start();
    if (first) {
      EXPECT_GT(cut, 8) << "the loop covered the writes";
      break;
    }
    auto second = two.duo.ask("join", join_params(two, token));
    // Cut between the last file and the clean-up, it is a member already and says so.
    if (!second) {
      EXPECT_EQ(second.error().kind, ErrorKind::refused) << "cut after " << cut;
    }
    EXPECT_TRUE(eventually([&] { return two.uno.sees("duo") && two.duo.sees("uno"); })) << "cut after " << cut;
  }
}

TEST(Init, KilledAfterAnyWriteItIsFinishedBySameCommand) {
  for (int cut = 0;; ++cut) {
    ASSERT_LT(cut, 40);
    Two two;
    two.uno.start();
    two.duo.start();
    two.uno.files.cut_after = two.uno.files.writes + cut;
    const auto first = two.uno.ask("init");
    two.uno.files.cut_after = -1;
    two.uno.stop();
    two.uno.start();
    const auto second = two.uno.ask("init");
    ASSERT_TRUE(second) << "cut after " << cut;
    EXPECT_EQ((*second)["already"], first.has_value());
    const std::string token = token_of(first ? two.uno.ask("token") : second);
    EXPECT_TRUE(two.duo.ask("join", join_params(two, token))) << "cut after " << cut;
    if (first) break;
  }
}

TEST(Init, WithoutAFileOrWithABadOneSaysSoAndChangesNothing) {
  Two two;
  two.duo.start();
  EXPECT_EQ(two.duo.ask("init").error().kind, ErrorKind::not_found);
  two.duo.put("/etc/tandem/tandem.toml", "[pair]\nnam = \"shops\"\n");
  const std::string disk = two.duo.disk();
  const auto answer = two.duo.ask("init");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("tandem.toml:2:"), std::string::npos) << answer.error().message;
  EXPECT_EQ(two.duo.disk(), disk);
}

} // namespace
} // namespace tandem::agent
