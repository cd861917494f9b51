#include "agent/configuration.hpp"
#include "agent/joining.hpp"
#include "agent/membership.hpp"
#include "base/text.hpp"
#include "fakes/server.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tandem::agent {
namespace {

const WallTime now = std::chrono::system_clock::from_time_t(1'790'000'000);
const peer::JoinToken token{std::string(32, 'a'), std::string(32, 'b')};

model::Pair pair_of_two() {
  model::Pair pair;
  pair.servers = {{"uno", "192.0.2.11", "2001:db8::11", "10.0.0.1"}, {"duo", "192.0.2.12", std::nullopt, "192.0.2.12"}};
  return pair;
}

TEST(ChooseServer, TheWantedNameWinsThenTheHostNameThenAnAddress) {
  const model::Pair pair = pair_of_two();
  EXPECT_EQ(choose_server(pair, {"duo", "uno", {"192.0.2.11"}}).value(), "duo");
  EXPECT_EQ(choose_server(pair, {"", "uno", {"192.0.2.12"}}).value(), "uno");
  EXPECT_EQ(choose_server(pair, {"", "debian", {"10.9.9.9", "192.0.2.12"}}).value(), "duo");
  EXPECT_EQ(choose_server(pair, {"", "debian", {"10.0.0.1"}}).value(), "uno");
  EXPECT_EQ(choose_server(pair, {"", "debian", {"2001:db8::11"}}).value(), "uno");
}

TEST(ChooseServer, AnErrorNamesTheServersToChooseFrom) {
  for (const Candidate& candidate : {Candidate{"tre", "uno", {}}, Candidate{"", "debian", {"10.9.9.9"}},
                                     Candidate{"", "debian", {"10.0.0.1", "192.0.2.12"}}}) {
    const auto chosen = choose_server(pair_of_two(), candidate);
    ASSERT_FALSE(chosen);
    EXPECT_EQ(chosen.error().kind, ErrorKind::invalid);
    EXPECT_NE(chosen.error().hint.find("uno, duo"), std::string::npos);
  }
}

TEST(CheckJoin, TheOpenTokenLetsInOneServer) {
  JoinRecord record = open_record(token, now);
  EXPECT_TRUE(check_join(record, token.secret, "duo", "key", now));
  record.used_by = "duo";
  record.used_by_key = "key";
  EXPECT_TRUE(check_join(record, token.secret, "duo", "key", now)) << "the same server may ask again";
  EXPECT_EQ(check_join(record, token.secret, "duo", "another key", now).error().kind, ErrorKind::refused);
  EXPECT_EQ(check_join(record, token.secret, "tre", "key", now).error().kind, ErrorKind::refused);
}

TEST(CheckJoin, WrongExpiredAndMissingTokensAreRefusedWithAHint) {
  const JoinRecord record = open_record(token, now);
  for (const auto& refused : {check_join(record, "wrong", "duo", "key", now),
                              check_join(record, token.secret, "duo", "key", now + token_lifetime),
                              check_join(std::nullopt, token.secret, "duo", "key", now)}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::refused);
    EXPECT_NE(refused.error().hint.find("init --token"), std::string::npos);
  }
  EXPECT_TRUE(check_join(record, token.secret, "duo", "key", now + token_lifetime - std::chrono::seconds(1)));
}

TEST(JoinRecord, ReadsBackAsItWasWrittenAndDoesNotHoldTheSecret) {
  fakes::Server server;
  server.files.put_folder("/var");
  EXPECT_EQ(load_record(server.files, "/var").value(), std::nullopt);
  JoinRecord record = open_record(token, now);
  record.used_by = "duo";
  ASSERT_TRUE(save_record(server.files, "/var", record));
  EXPECT_EQ(load_record(server.files, "/var").value(), record);
  EXPECT_EQ(server.files.content("/var/join.json").find(token.secret), std::string::npos);
}

TEST(JoinRecord, CutShortAtAnyByteIsAnErrorNotAnOpenToken) {
  fakes::Server server;
  server.files.put_folder("/var");
  ASSERT_TRUE(save_record(server.files, "/var", open_record(token, now)));
  const std::string whole(trim(server.files.content("/var/join.json")));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    server.files.put("/var/join.json", whole.substr(0, length));
    EXPECT_FALSE(load_record(server.files, "/var")) << length;
  }
}

TEST(Membership, ReadsBackAsItWasWrittenWithKeysThatOnlyRootReads) {
  fakes::Server server;
  server.files.put_folder("/var");
  EXPECT_EQ(load_membership(server.files, "/var/tandem").value().has_value(), false);
  const Membership membership{"id", "uno", {"ca", "certificate", "key"}, "ca key"};
  ASSERT_TRUE(save_membership(server.files, "/var/tandem", membership));
  const auto loaded = load_membership(server.files, "/var/tandem").value().value();
  EXPECT_EQ(loaded.server, "uno");
  EXPECT_EQ(loaded.identity.certificate, "certificate");
  EXPECT_EQ(loaded.authority_key, "ca key");
  for (const auto& [path, entry] : server.files.entries())
    if (path.starts_with("/var/tandem")) {
      EXPECT_EQ(entry.status.mode & 077U, 0U) << path;
    }
}

TEST(Membership, CutOffAtAnyWriteTheServerIsNoMember) {
  for (int cut = 0;; ++cut) {
    fakes::Server server;
    server.files.put_folder("/var");
    server.power.cut_after = cut;
    const Membership membership{"id", "uno", {"ca", "certificate", "key"}, "ca key"};
    if (save_membership(server.files, "/var/tandem", membership)) {
      EXPECT_GE(cut, 7);
      break;
    }
    EXPECT_EQ(load_membership(server.files, "/var/tandem").value().has_value(), false) << "cut after " << cut;
  }
}

TEST(Membership, OfANewerVersionIsRefused) {
  fakes::Server server;
  server.files.put("/var/pair.json", R"({"version": 2, "pair": "id", "server": "uno"})");
  const auto loaded = load_membership(server.files, "/var");
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("version 2"), std::string::npos);
}

TEST(Base64, ReadsBackAnyBytes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(from_base64(to_base64(bytes)).value(), bytes);
    bytes += static_cast<char>(i);
  }
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(to_base64("fooba"), "Zm9vYmE=");
  for (const char* bad : {"a", "ab=c", "a===", "====", "Zm9v!mFy", "Zg==Zg=="})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

} // namespace
} // namespace tandem::agent
