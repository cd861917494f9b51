// Uploads that a site takes in: each once, on the primary, whatever becomes of the servers meanwhile.
#include "base/text.hpp"
#include "pair_fixture.hpp"
#include "partner.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using testing::HasSubstr;
using testing::Not;

namespace {

constexpr auto* import_of_shop = R"([site.import]
user = "import1c"
pattern = "*.txt"
run = "python manage.py take {file}"
)";

constexpr auto* inbox = "/home/import1c/import/";

class Imports : public PairTest {
protected:
  void prepare() override {
    make_partner(lab());
    give_partner_password(lab(), primary());
    apply(shop_toml({.more = std::string(import_of_shop) + partner_toml}));
    ASSERT_OK(pair().tandem(primary(), {"deploy", "shop.test"}));
  }

  void SetUp() override {
    PairTest::SetUp();
    sql(primary(), "delete from orders_work");
  }

  static std::string sql(const std::string& host, const std::string& query) {
    return on(lab(), host, "cd / && sudo -u postgres psql -d shop -Atc \"" + query + "\"");
  }

  static int number(const std::string& host, const std::string& query) { return std::stoi(sql(host, query)); }

  // A file of these numbers, sent under that name.
  static void upload(const std::string& host, const std::string& name, const std::string& numbers) {
    on(lab(), "tre", "printf '" + numbers + "' > /root/upload");
    EXPECT_THAT(sftp(lab(), address_of(host), "put /root/upload import/" + name), HasSubstr("status 0"));
  }

  // Not yet, while the server boots.
  static bool is_taken(const std::string& host, int what) {
    return holds_on(lab(), host,
                    fmt::format("cd / && sudo -u postgres psql -d shop -Atc 'select number from orders_work where "
                                "number = {0}' | grep -q {0}",
                                what));
  }

  static int times(const std::string& host, int what) {
    return number(host, fmt::format("select count(*) from orders_work where number = {}", what));
  }

  static std::string told(const std::string& host) { return on(lab(), host, "tandem status 2>&1 || true"); }

  // The id of the upload of that name which failed.
  static std::string failed_id(const std::string& host, const std::string& name) {
    const auto imports = Json::parse(on(lab(), host, "tandem imports --json"));
    for (const auto& [server, import] : imports["shop.test"].items())
      for (const auto& upload : import["failed"])
        if (upload["name"] == name) return upload["id"];
    return {};
  }
};

} // namespace

TEST_F(Imports, AFinishedUploadIsHandedToTheSitesCommandOnce) {
  const auto host = primary();
  upload(host, "stock.txt", "1\\n2\\n");
  upload(host, "stock.csv", "3\\n");
  upload(host, "half.txt.filepart", "4\\n");
  // Somebody who takes a while: what is open is not finished.
  on(lab(), host,
     std::string("cd ") + inbox +
         " && rm -f /run/go-on && (echo 5; until test -e /run/go-on; do sleep 0.1; done; echo 6) > slow.txt "
         "2>/dev/null & disown");
  ASSERT_TRUE(wait_until([&] { return is_taken(host, 2); }, soon)) << told(host) << on(lab(), host, "tandem imports");
  upload(host, "later.txt", "7\\n");
  ASSERT_TRUE(wait_until([&] { return is_taken(host, 7); }, soon));
  EXPECT_EQ(sql(host, "select count(*) from orders_work"), "3");
  EXPECT_EQ(sql(host, "select distinct server from orders_work"), host);
  EXPECT_EQ(on(lab(), host, std::string("ls ") + inbox), "half.txt.filepart\nslow.txt\nstock.csv");
  on(lab(), host, "touch /run/go-on");
  ASSERT_TRUE(wait_until([&] { return is_taken(host, 6); }, soon));
  EXPECT_EQ(sql(host, "select string_agg(number::text, ',' order by number) from orders_work"), "1,2,5,6,7");
  EXPECT_TRUE(wait_until(
      [&] {
        const auto listed = on(lab(), host, "tandem imports");
        return listed.find("later.txt") != std::string::npos && listed.find("0 running") != std::string::npos;
      },
      soon))
      << on(lab(), host, "tandem imports");
  on(lab(), host, std::string("rm ") + inbox + "*");
  EXPECT_THAT(on(lab(), host, "tandem plan"), HasSubstr("no changes"));
}

TEST_F(Imports, OneThatFailsIsKeptWithWhatItSaidUntilSomebodyDecides) {
  const auto host = primary();
  upload(host, "bad.txt", "8\\nno number\\n");
  ASSERT_TRUE(wait_until(
      [&] { return told(host).find("the import of bad.txt for shop.test failed") != std::string::npos; }, soon))
      << told(host);
  EXPECT_EQ(times(host, 8), 0) << "all of it or nothing";
  upload(host, "good.txt", "9\\n");
  EXPECT_TRUE(wait_until([&] { return is_taken(host, 9); }, soon)) << "the next one does not wait for it";
  const auto id = failed_id(host, "bad.txt");
  EXPECT_THAT(on(lab(), other(host), "tandem imports log " + id), HasSubstr("invalid literal for int()"));
  ASSERT_OK(pair().tandem(other(host), {"imports", "retry", id}));
  const auto complaints = "test $(journalctl -q -u tandem-import-shop.test | grep -c 'invalid literal') -gt 1";
  ASSERT_TRUE(wait_until([&] { return holds_on(lab(), host, complaints); }, soon)) << "it fails again";
  ASSERT_TRUE(wait_until([&] { return pair().tandem(host, {"imports", "drop", id}).has_value(); }, soon));
  EXPECT_EQ(wait_until_whole(), host);
}

// Every third of a second a file to each address in turn.
TEST_F(Imports, UploadsDuringASwitchoverAndToTheOldAddressAreTakenOnce) {
  const auto old = primary();
  const auto now = other(old);
  constexpr int most = 60;
  on(lab(), "tre", "rm -f /root/sent /root/enough; echo '" + std::string(partner_password) + "' > /root/password");
  on(lab(), "tre",
     fmt::format("export SSH_ASKPASS=/root/askpass SSH_ASKPASS_REQUIRE=force; cd /root; (n=100; while [ $n -lt {} ] && "
                 "! test -e enough; do for to in {} {}; do n=$((n+1)); echo $n > number; "
                 "echo \"put number import/order-$n.txt\" | sftp -q -o BatchMode=no "
                 "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -b - import1c@$to > /dev/null 2>&1 && "
                 "echo $n >> sent; done; done; "
                 "touch finished) > /dev/null 2>&1 & disown",
                 100 + most, address_of(old), address_of(now)));
  ASSERT_TRUE(wait_until([&] { return is_taken(old, 101); }, soon));
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  on(lab(), "tre", "touch /root/enough");
  ASSERT_TRUE(wait_until([&] { return holds_on(lab(), "tre", "test -e /root/finished"); }, soon));
  const auto sent = std::stoi(on(lab(), "tre", "wc -l < /root/sent; rm -f /root/finished"));
  EXPECT_GT(sent, 5);
  upload(old, "stale.txt", "300\\n");
  // One after the other, each with a start of Python.
  EXPECT_TRUE(wait_until([&] { return is_taken(now, 300); }, std::chrono::minutes(8)))
      << on(lab(), now, "tandem imports");
  EXPECT_TRUE(wait_until([&] { return number(now, "select count(*) from orders_work") == sent + 1; }, soon))
      << sent << " were sent: " << on(lab(), now, "tandem imports");
  // In parts, by the peers' channel, and a while later nothing has come twice.
  on(lab(), "tre", "seq -f '%01000.0f' 2001 3000 > /root/upload; seq -f '%01000.0f' 3001 4000 >> /root/upload");
  EXPECT_THAT(sftp(lab(), address_of(old), "put /root/upload import/large.txt"), HasSubstr("status 0"));
  EXPECT_TRUE(wait_until([&] { return is_taken(now, 4000); }, soon)) << on(lab(), now, "tandem imports");
  EXPECT_EQ(wait_until_whole(), now);
  EXPECT_EQ(number(now, "select count(*) from orders_work"), sent + 1 + 2000);
  EXPECT_EQ(number(now, "select count(distinct number) from orders_work"), sent + 1 + 2000);
  EXPECT_EQ(sql(now, "select server from orders_work where number = 300"), now);
  for (const auto& host : {old, now})
    EXPECT_EQ(on(lab(), host, std::string("ls ") + inbox), "") << host;
  EXPECT_EQ(wait_until_whole(), now);
}

TEST_F(Imports, OneThatThePowerCutsOffIsRepeatedAndTold) {
  const auto host = primary();
  on(lab(), "tre", "seq 1000 60000 > /root/upload");
  ASSERT_THAT(sftp(lab(), address_of(host), "put /root/upload import/large.txt"), HasSubstr("status 0"));
  ASSERT_TRUE(
      wait_until([&] { return holds_on(lab(), host, "systemctl is-active -q tandem-import-shop.test"); }, soon));
  ASSERT_OK(lab().cut(host));
  ASSERT_OK(lab().boot(host));
  ASSERT_TRUE(wait_until([&] { return is_taken(host, 60000); }, std::chrono::minutes(4))) << told(host);
  EXPECT_EQ(number(host, "select count(*) - count(distinct number) from orders_work"), 0);
  EXPECT_TRUE(wait_until(
      [&] { return on(lab(), host, "tandem imports").find("cut off 1 time and repeated") != std::string::npos; }, soon))
      << on(lab(), host, "tandem imports");
  EXPECT_EQ(wait_until_whole(), host);
}

TEST_F(Imports, BothServersShowAPartnerTheSameHostKey) {
  const auto shown = [](const std::string& host) {
    return on(lab(), "tre",
              "ssh-keyscan -T 20 " + address_of(host) + " 2>/dev/null | grep -v ' SSH-2' | cut -d' ' -f2- | sort");
  };
  EXPECT_THAT(shown("uno"), HasSubstr("ssh-ed25519 "));
  EXPECT_EQ(shown("uno"), shown("duo"));
  EXPECT_EQ(on(lab(), other(primary()), "stat -c '%a %U' /etc/ssh/ssh_host_ed25519_key"), "600 root");
}

// What lay there before an import was asked for is not the import's.
TEST_F(Imports, WhatLayInTheFolderBeforeStaysThere) {
  const auto host = primary();
  apply(shop_toml({.more = partner_toml}));
  ASSERT_TRUE(
      wait_until([&] { return holds_on(lab(), host, "! test -e /var/spool/tandem/imports/shop.test/since"); }, soon));
  on(lab(), host, std::string("echo 400 > ") + inbox + "old.txt");
  apply(shop_toml({.more = std::string(import_of_shop) + partner_toml}));
  upload(host, "new.txt", "401\\n");
  EXPECT_TRUE(wait_until([&] { return is_taken(host, 401); }, soon));
  EXPECT_FALSE(is_taken(host, 400));
  // One that ends while its import leaves the file is settled all the same.
  apply(shop_toml({.more = partner_toml}));
  EXPECT_EQ(wait_until_whole(), host);
  EXPECT_EQ(on(lab(), host, std::string("ls ") + inbox + "; rm " + inbox + "*"), "old.txt");
}

} // namespace tandem::lab
