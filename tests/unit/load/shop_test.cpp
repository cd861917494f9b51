#include "bench/load/shop.hpp"

#include <gtest/gtest.h>

namespace tandem::load {
namespace {

TEST(Shop, TheTokenIsFoundWhereverItsAttributesStand) {
  EXPECT_EQ(form_token(R"(<form><input type="hidden" name="csrfmiddlewaretoken" value="abc123"></form>)"), "abc123");
  EXPECT_EQ(form_token("<input value='x1' data-name=\"other\" name='csrfmiddlewaretoken' >"), "x1");
  EXPECT_EQ(form_token("<input name=\"product\" value=\"1\">\n<input\n name=\"csrfmiddlewaretoken\"\n value=\"t\"/>"),
            "t");
}

TEST(Shop, APageWithoutATokenSaysSo) {
  for (auto page : {"", "<form></form>", "<input name=\"csrfmiddlewaretoken\" value=\"\">",
                    "<input name=\"csrfmiddlewaretoken\"", "<input name=\"x\" value=\"csrfmiddlewaretoken\">"}) {
    EXPECT_FALSE(form_token(page)) << page;
  }
}

TEST(Shop, CookiesAreTakenAndSentBack) {
  Visitor visitor;
  Answer answer{200,
                {{"set-cookie", "csrftoken=aa; Path=/; Secure"},
                 {"set-cookie", "sessionid=s1; HttpOnly"},
                 {"set-cookie", "nonsense"}},
                ""};
  take_cookies(visitor, answer);
  take_cookies(visitor, {200, {{"set-cookie", "sessionid=s2"}}, ""});
  Request request = get(visitor, "/");
  EXPECT_EQ(request.headers.back().name, "cookie");
  EXPECT_EQ(request.headers.back().value, "csrftoken=aa; sessionid=s2");
}

TEST(Shop, AnOrderCarriesTokenRefererAndItsFields) {
  Visitor visitor{{{"csrftoken", "c"}}, "t+/="};
  Request request = order(visitor, "shop.example", "r1-1", 7, 2);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/order/");
  EXPECT_EQ(request.body, "csrfmiddlewaretoken=t%2B%2F%3D&product=7&quantity=2&reference=r1-1");
  auto has = [&](const char* name, const char* value) {
    return std::ranges::any_of(request.headers, [&](const Header& h) { return h.name == name && h.value == value; });
  };
  EXPECT_TRUE(has("referer", "https://shop.example/order/"));
  EXPECT_TRUE(has("cookie", "csrftoken=c"));
}

TEST(Shop, PhotosDifferByReferenceAndHaveTheWantedSize) {
  std::string a = photo_content("r1-1", 20'000);
  EXPECT_EQ(a.size(), 20'000U);
  EXPECT_EQ(a, photo_content("r1-1", 20'000));
  EXPECT_NE(a, photo_content("r1-2", 20'000));
  EXPECT_TRUE(a.starts_with("\xff\xd8"));
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Request request = photo({}, "shop.example", "r1-1", 3, a);
  EXPECT_NE(request.body.find(a), std::string::npos);
  EXPECT_NE(request.body.find("name=\"photo\"; filename=\"r1-1.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"),
            std::string::npos);
}

TEST(Shop, AWriteIsAcknowledgedOnlyByItsOwnPage) {
  auto to = [](std::string location) { return Answer{303, {{"location", std::move(location)}}, ""}; };
  EXPECT_FALSE(judge(Kind::order, to("/order/r1-1/"), "r1-1", ""));
  EXPECT_FALSE(judge(Kind::slow_photo, to("https://shop.example/photo/r1-1/"), "r1-1", ""));
  EXPECT_EQ(judge(Kind::order, to("/order/r1-2/"), "r1-1", "")->reason, "wrong location");
  EXPECT_EQ(judge(Kind::order, to("/login/"), "r1-1", "")->reason, "wrong location");
  EXPECT_EQ(judge(Kind::order, {200, {}, ""}, "r1-1", "")->reason, "status 200");
  EXPECT_EQ(judge(Kind::order, {503, {}, ""}, "r1-1", "")->reason, "status 503");
}

TEST(Shop, AMediaFileIsGoodOnlyWithItsContent) {
  EXPECT_FALSE(judge(Kind::media, {200, {}, "abc"}, "", sha256_of("abc")));
  EXPECT_EQ(judge(Kind::media, {200, {}, "ab"}, "", sha256_of("abc"))->reason, "wrong content");
  EXPECT_EQ(judge(Kind::media, {404, {}, ""}, "", sha256_of("abc"))->reason, "status 404");
  EXPECT_EQ(media_path("r1-1", "0123456789abcdef"), "/media/photos/r1-1-0123456789ab.jpg");
}

} // namespace
} // namespace tandem::load
