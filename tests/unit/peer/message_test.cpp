#include "peer/frame.hpp"
#include "peer/message.hpp"
#include "peer/transport.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tandem::peer {
namespace {

TEST(Frame, ComesOutAsItWentInAtEveryCutOfTheBytes) {
  const std::string bytes = framed("first") + framed("") + framed(std::string(300, 'x'));
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    FrameReader reader;
    std::vector<std::string> got;
    const auto drain = [&] {
      for (auto frame = reader.next().value(); frame; frame = reader.next().value())
        got.push_back(*frame);
    };
    reader.take(std::string_view(bytes).substr(0, cut));
    drain();
    reader.take(std::string_view(bytes).substr(cut));
    drain();
    EXPECT_EQ(got, (std::vector<std::string>{"first", "", std::string(300, 'x')})) << "cut at " << cut;
    EXPECT_FALSE(reader.in_the_middle());
  }
}

TEST(Frame, KnowsThatItWasCutShort) {
  const std::string bytes = framed("first");
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    FrameReader reader;
    reader.take(std::string_view(bytes).substr(0, cut));
    EXPECT_FALSE(reader.next().value());
    EXPECT_TRUE(reader.in_the_middle());
  }
}

TEST(Frame, OversizedLengthIsRefusedBeforeItsBytesCome) {
  FrameReader reader(100);
  reader.take(framed(std::string(101, 'x')).substr(0, 4));
  EXPECT_EQ(reader.next().error().kind, ErrorKind::invalid);
  FrameReader default_limit;
  default_limit.take(std::string_view("\xff\xff\xff\xff", 4));
  EXPECT_FALSE(default_limit.next());
}

TEST(Message, EveryKindReadsBackAsItWasWritten) {
  const Standing standing{7, "uno"};
  const std::vector<Message> messages{
      {.kind = MessageKind::hello, .standing = standing, .hello = {"p", "uno", "b", "0.1"}},
      {.kind = MessageKind::request, .standing = standing, .id = 3, .method = "status", .payload = Json{{"a", 1}}},
      {.kind = MessageKind::event, .standing = {}, .id = 3, .payload = Json("half")},
      {.kind = MessageKind::response, .standing = standing, .id = 3, .payload = Json::array({1, 2})},
      {.kind = MessageKind::response, .standing = {}, .id = 3, .error = Error{ErrorKind::refused, "no", "wait"}},
      {.kind = MessageKind::beat, .standing = standing},
      {.kind = MessageKind::goodbye, .standing = {}, .error = Error{ErrorKind::invalid, "bad", ""}}};
  for (const auto& message : messages) {
    const auto read = decode(encode(message));
    ASSERT_TRUE(read) << encode(message) << ": " << read.error().message;
    EXPECT_EQ(encode(*read), encode(message));
    EXPECT_EQ(read->standing, message.standing);
  }
}

TEST(Message, TextThatIsNoUtf8IsReplacedNotThrown) {
  const auto read = decode(encode({.kind = MessageKind::event,
                                   .standing = {},
                                   .id = 1,
                                   .payload = Json("a\xff"
                                                   "b")}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->payload->get<std::string>(), "a\xef\xbf\xbd"
                                               "b");
}

TEST(Message, IsInvalidWhenCutShortAtAnyByte) {
  const std::string whole =
      encode({.kind = MessageKind::request, .standing = Standing{1, "uno"}, .id = 1, .method = "x"});
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(decode(whole.substr(0, length))) << whole.substr(0, length);
}

TEST(Message, WhatBreaksTheRulesIsInvalid) {
  for (const char* bad : {
           "",
           "null",
           "[]",
           "{}",
           R"({"v":1})",
           R"({"v":2,"kind":"beat"})",
           R"({"v":"1","kind":"beat"})",
           R"({"v":-1,"kind":"beat"})",
           R"({"v":1,"kind":"shout"})",
           R"({"v":1,"kind":"beat","more":1})",
           R"({"v":1,"kind":"beat","epoch":1})",
           R"({"v":1,"kind":"beat","epoch":-1,"primary":"uno"})",
           R"({"v":1,"kind":"beat","epoch":1.5,"primary":"uno"})",
           R"({"v":1,"kind":"beat","epoch":1,"primary":2})",
           R"({"v":1,"kind":"hello","pair":"p","server":"s","boot":"b"})",
           R"({"v":1,"kind":"request","id":0,"method":"m","params":{}})",
           R"({"v":1,"kind":"request","id":99999999999999999,"method":"m","params":{}})",
           R"({"v":1,"kind":"request","id":1,"method":"m","params":[]})",
           R"({"v":1,"kind":"request","id":1,"method":"m"})",
           R"({"v":1,"kind":"request","id":1,"params":{}})",
           R"({"v":1,"kind":"event","id":1})",
           R"({"v":1,"kind":"response","id":1})",
           R"({"v":1,"kind":"response","id":1,"result":1,"error":{"kind":"failed","message":"","hint":""}})",
           R"({"v":1,"kind":"response","id":1,"error":{"kind":"odd","message":"","hint":""}})",
           R"({"v":1,"kind":"response","id":1,"error":{"kind":"failed","message":"","hint":"","x":1}})",
           R"({"v":1,"kind":"response","id":1,"error":"failed"})",
           R"({"v":1,"kind":"goodbye"})",
           R"({"v":1,"kind":"beat"}x)",
           "{\"v\":1,\"kind\":\"beat\",\"primary\":\"\xff\",\"epoch\":1}",
       })
    EXPECT_FALSE(decode(bad)) << bad;
}

TEST(Message, OtherVersionSaysWhichOnesAndWhatToDo) {
  const auto read = decode(R"({"v":2,"kind":"beat"})");
  EXPECT_NE(read.error().message.find("version 2"), std::string::npos);
  EXPECT_FALSE(read.error().hint.empty());
}

TEST(Message, DeepNestingIsRefusedNotFollowed) {
  const std::string deep(1'000'000, '[');
  EXPECT_FALSE(parse_json(deep));
  EXPECT_FALSE(parse_json(std::string(65, '[') + std::string(65, ']')));
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_TRUE(parse_json("\"" + deep + "\\\"[\""));
}

TEST(Message, LongNamesAreRefused) {
  Message message{.kind = MessageKind::request, .standing = {}, .id = 1, .method = std::string(256, 'm')};
  EXPECT_FALSE(decode(encode(message)));
}

TEST(Address, TakesTheFormsThatPeopleType) {
  EXPECT_EQ(parse_address("192.0.2.11", 7411).value(), (Address{"192.0.2.11", 7411}));
  EXPECT_EQ(parse_address("192.0.2.11:80", 7411).value(), (Address{"192.0.2.11", 80}));
  EXPECT_EQ(parse_address("uno.example.org:80", 7411).value(), (Address{"uno.example.org", 80}));
  EXPECT_EQ(parse_address("2001:db8::11", 7411).value(), (Address{"2001:db8::11", 7411}));
  EXPECT_EQ(parse_address("[2001:db8::11]:80", 7411).value(), (Address{"2001:db8::11", 80}));
  EXPECT_EQ(parse_address("[2001:db8::11]", 7411).value(), (Address{"2001:db8::11", 7411}));
  for (const char* bad : {"", ":80", "a:", "a:0", "a:65536", "a:b", "[::1", "[::1]80", "a b", "http://a"})
    EXPECT_FALSE(parse_address(bad, 7411)) << bad;
}

} // namespace
} // namespace tandem::peer
