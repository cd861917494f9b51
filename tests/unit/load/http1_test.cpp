#include "bench/load/http1.hpp"

#include <gtest/gtest.h>

namespace tandem::load {
namespace {

Http1Parser parsed(std::string_view text) {
  Http1Parser parser;
  parser.feed(text);
  return parser;
}

TEST(Http1, AnswerWithALengthIsCompleteAfterItsLastByte) {
  std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Thing:  a b \r\n\r\nhello";
  EXPECT_FALSE(parsed(text.substr(0, text.size() - 1)).done());
  auto parser = parsed(text);
  ASSERT_TRUE(parser.done());
  EXPECT_TRUE(parser.reusable());
  Answer answer = parser.take();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(header(answer, "x-thing"), "a b");
}

TEST(Http1, AnyCutOfAnAnswerIntoTwoPiecesGivesTheSame) {
  std::string text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 303 See Other\r\nLocation: /order/a/\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n4;x=y\r\nabcd\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Http1Parser parser;
    EXPECT_EQ(parser.feed(text.substr(0, cut)), cut);
    EXPECT_EQ(parser.done(), cut == text.size());
    EXPECT_EQ(parser.feed(text.substr(cut)), text.size() - cut);
    ASSERT_TRUE(parser.done()) << "cut at " << cut << ": " << parser.error();
    Answer answer = parser.take();
    EXPECT_EQ(answer.status, 303);
    EXPECT_EQ(answer.body, "abcd0123456789");
    EXPECT_EQ(header(answer, "location"), "/order/a/");
  }
}

TEST(Http1, BytesAfterTheAnswerAreLeftAlone) {
  Http1Parser parser;
  EXPECT_EQ(parser.feed("HTTP/1.1 204 No Content\r\n\r\nHTTP"), 27U);
  EXPECT_TRUE(parser.done());
}

TEST(Http1, BodyWithoutALengthLastsUntilAProperEnd) {
  std::string_view text = "HTTP/1.1 200 OK\r\n\r\nabc";
  auto cut = parsed(text);
  cut.end_of_stream(false);
  EXPECT_FALSE(cut.done());
  auto whole = parsed(text);
  whole.end_of_stream(true);
  ASSERT_TRUE(whole.done());
  EXPECT_FALSE(whole.reusable());
  EXPECT_EQ(whole.take().body, "abc");
}

TEST(Http1, AnUnfinishedBodyStaysUnfinishedHoweverTheConnectionEnds) {
  auto parser = parsed("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell");
  parser.end_of_stream(true);
  EXPECT_FALSE(parser.done());
  EXPECT_TRUE(parser.begun());
}

TEST(Http1, TheConnectionIsNotReusableWhenTheServerSaysSo) {
  EXPECT_FALSE(parsed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive, Close\r\n\r\n").reusable());
  EXPECT_FALSE(parsed("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").reusable());
  EXPECT_TRUE(parsed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").reusable());
}

TEST(Http1, WhatIsNoAnswerIsRefusedWithAReason) {
  for (std::string_view text :
       {"HTTP/2 200\r\n", "HTTP/1.1 abc\r\n", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"}) {
    auto parser = parsed(text);
    EXPECT_TRUE(parser.broken()) << text;
    EXPECT_FALSE(parser.error().empty()) << text;
  }
  EXPECT_TRUE(parsed("HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x')).broken());
}

TEST(Http1, LongBodiesAreCountedButNotKept) {
  auto parser = parsed("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(1'000'000, 'x'));
  ASSERT_TRUE(parser.done());
  EXPECT_EQ(parser.take().body.size(), kept_body);
}

TEST(Http1, HeadOfARequestAnnouncesItsBody) {
  Request request{.method = "POST", .target = "/order/", .headers = {{"cookie", "a=b"}}, .body = "x=1"};
  EXPECT_EQ(http1_head(request, "shop.example", true),
            "POST /order/ HTTP/1.1\r\nhost: shop.example\r\ncookie: a=b\r\ncontent-length: 3\r\n\r\n");
  Request get{.headers = {}, .body = {}};
  EXPECT_EQ(http1_head(get, "shop.example", false),
            "GET / HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n");
}

} // namespace
} // namespace tandem::load
