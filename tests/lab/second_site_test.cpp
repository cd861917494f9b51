// Beside the shop a site that nobody here wrote: graphite-web from Debian's packages with a database of its own
// (examples/graphite-web).
#include "base/text.hpp"
#include "lab/publish.hpp"
#include "lab/visitors.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>

namespace tandem::lab {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

namespace {

std::string graphs_folder() {
  return std::string(TANDEM_SOURCE_DIR) + "/examples/graphite-web";
}

std::string with_graphs() {
  std::ostringstream site;
  site << std::ifstream(graphs_folder() + "/site.toml").rdbuf();
  return shop_toml({.host = "timezone = \"Europe/Moscow\"\npackages = [\"less\", \"graphite-web\", "
                            "\"python3-psycopg2\"]\n",
                    .more = site.str()});
}

class SecondSite : public PairTest {
protected:
  void prepare() override {
    const auto host = primary();
    ASSERT_OK(publish(lab(), graphs_folder(), "graphs"));
    ASSERT_OK(
        lab().write_file(host, "/etc/tandem/secrets/graphs.env", "GRAPHITE_SECRET_KEY=graphs-in-the-lab\n", 0600));
    on(lab(), host, "(umask 077; echo \"ops:$(openssl passwd -apr1 door)\" > /etc/tandem/secrets/graphs.htpasswd)");
    apply(with_graphs());
    ASSERT_OK(pair().tandem(host, {"deploy", "graphs.test"}));
    ASSERT_TRUE(pair().fetch(host, "/")); // brings the authority to tre
    as_graphs(host, "/www/graphs.test/env/bin/python -m django createsuperuser --noinput --username anna --email "
                    "anna@graphs.test");
  }

  // The shop is alone again.
  static void TearDownTestSuite() {
    const auto host = primary();
    if (host.empty()) return;
    apply(shop_toml());
    for (const std::string one : {"uno", "duo"})
      on(lab(), one,
         "systemctl stop 'tandem-site@graphs*'; rm -rf /etc/nginx/sites-enabled/graphs.test.conf "
         "/etc/nginx/tandem/graphs.test.* /etc/tandem/certificates/graphs.test.pem /etc/tandem/secrets/graphs.* "
         "/www/graphs.test /www/.releases/graphs.test /var/lib/tandem/sites/graphs.test "
         "/var/lib/tandem/deploys/graphs.test /var/lib/tandem/dumps/graphs.test; nginx -t -q && systemctl reload nginx "
         "&& userdel graphs && DEBIAN_FRONTEND=noninteractive apt-get -q -y purge graphite-web");
    sql(lab(), host, "drop database graphite with (force)");
    sql(lab(), host, "drop role graphite");
    const auto compared = pair().tandem(host, {"files", "reconcile", "--allow-deletions"});
    EXPECT_TRUE(compared) << describe(compared.error());
    EXPECT_EQ(wait_until_whole(), host);
  }

  // A command as the site's owner in the release that is served, as the operator's guide says.
  static std::string as_graphs(const std::string& host, const std::string& command) {
    return on(lab(), host,
              "systemd-run --quiet --collect --pipe --wait --property=User=graphs --property=Group=www-data "
              "--property=EnvironmentFile=/var/lib/tandem/sites/graphs.test/current.env "
              "--working-directory=/www/graphs.test --setenv=DJANGO_SUPERUSER_PASSWORD=word " +
                  command);
  }

  // What the site answers to tre on that server, behind its password: the status on the last line.
  static std::string visit(const std::string& host, const std::string& path, const std::string& more = {},
                           const std::string& user = "ops:door") {
    return on(lab(), "tre",
              fmt::format("curl -sS --max-time 30 --cacert /root/ca.pem --resolve graphs.test:443:{} --user {} "
                          "--cookie /root/graphs.jar --cookie-jar /root/graphs.jar -w '\\n%{{http_code}}' {} "
                          "'https://graphs.test{}'",
                          address_of(host), user, more, path));
  }

  static void log_in(const std::string& host) {
    on(lab(), "tre", "rm -f /root/graphs.jar");
    EXPECT_THAT(visit(host, "/account/login", "--data username=anna --data password=word"), EndsWith("302"));
  }

  static std::string save(const std::string& host, const std::string& name) {
    return visit(host, "/dashboard/save/" + name,
                 "--data-urlencode 'state={\"name\": \"" + name + "\", \"graphs\": []}'");
  }

  static std::string link_of(const std::string& host) { return on(lab(), host, "readlink /www/graphs.test"); }

  // Whether that user of the server may do this; `line` must not leave the user's rights.
  static bool may(const std::string& host, const std::string& user, const std::string& line) {
    return holds_on(lab(), host, "cd /; runuser -u " + user + " -- " + line + " > /dev/null 2>&1");
  }

  // Nothing that belongs to the site of one user is open to the other. That the same questions succeed where they
  // should proves that they ask.
  static void expect_shut(const std::string& host, const std::string& domain, const std::string& owner,
                          const std::string& stranger, const std::string& environment_file) {
    SCOPED_TRACE(domain + " on " + host);
    const auto process = on(lab(), host, "pgrep -u " + owner + " -f uWSGI | head -1");
    ASSERT_NE(process, "") << "its application runs on both servers";
    // That of its release: a standby's nginx is led to none.
    const auto release = on(lab(), host, "basename $(readlink -f /www/" + domain + ")");
    const auto socket = "python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"/run/tandem-sites/" +
                        domain + "/" + release + ".sock\")'";
    EXPECT_TRUE(may(host, "www-data", socket)) << "nginx";
    EXPECT_FALSE(may(host, stranger, socket)) << "past nginx and its password";
    for (const auto& secret : {"/etc/tandem/secrets/" + environment_file,
                               "/var/lib/tandem/sites/" + domain + "/current.env", "/proc/" + process + "/environ"}) {
      EXPECT_TRUE(holds_on(lab(), host, "cat " + secret)) << secret;
      EXPECT_FALSE(may(host, stranger, "cat " + secret)) << secret;
    }
  }
};

} // namespace

TEST_F(SecondSite, IsDeployedOnBothServersAndAnswersBehindItsPassword) {
  const auto serving = primary();
  EXPECT_EQ(link_of("uno"), link_of("duo"));
  on(lab(), "tre", "rm -f /root/graphs.jar");
  for (const std::string host : {"uno", "duo"}) {
    SCOPED_TRACE("through " + host);
    EXPECT_THAT(visit(host, "/account/login", {}, "ops:window"), EndsWith("401"));
    const auto form = visit(host, "/account/login");
    EXPECT_THAT(form, HasSubstr("name='password'"));
    EXPECT_THAT(form, EndsWith("200"));
    EXPECT_THAT(visit(host, "/dashboard"), HasSubstr("Graphite Dashboard"));
    EXPECT_THAT(visit(host, "/static/js/dashboard.js", "-o /dev/null"), EndsWith("200")) << "graphite's own";
    EXPECT_THAT(visit(host, "/static/admin/css/base.css", "-o /dev/null"), EndsWith("200")) << "Django's";
    EXPECT_TRUE(holds_on(lab(), host, "systemctl is-active --quiet 'tandem-site@graphs*'")) << "warm on a standby, too";
    EXPECT_TRUE(pair().fetch(host, "/")) << "and the shop as before";
  }
  EXPECT_THAT(on(lab(), serving, "tandem logs graphs.test 2>&1 | tail -200"), Not(HasSubstr("Traceback")));
}

TEST_F(SecondSite, WhatIsSavedInItIsThereAfterASwitchoverOfWhichTheShopsVisitorsNoticeNothing) {
  const auto old = primary();
  const auto now = other(old);
  on(lab(), "tre", "rm -f /root/graphs.jar");
  EXPECT_THAT(save(old, "first"), HasSubstr("Must be logged in"));
  log_in(old);
  EXPECT_THAT(save(old, "first"), HasSubstr("success"));
  as_graphs(old, "sh -c 'mkdir -p storage/whisper/lab && whisper-create storage/whisper/lab/answer.wsp 60:1440 && "
                 "whisper-update storage/whisper/lab/answer.wsp $(date +%s):42'");
  const std::string drawn = "/render?target=lab.answer&from=-30min&format=json";
  EXPECT_THAT(visit(old, drawn), HasSubstr("[42.0, "));

  auto visitors = Visitors::come(lab(), {.tool = TANDEM_LOAD, .connect = address_of(old), .rate = 60, .seconds = 45});
  ASSERT_TRUE(visitors) << describe(visitors.error());
  ASSERT_TRUE((*visitors)->shop_for(2));
  ASSERT_OK(pair().tandem(old, {"switchover"}));
  ASSERT_EQ(primary(), now);

  for (const auto& host : {now, old}) {
    SCOPED_TRACE("through " + host);
    EXPECT_THAT(visit(host, "/dashboard/load/first"), HasSubstr(R"("name": "first")"));
    EXPECT_THAT(visit(host, drawn), HasSubstr("[42.0, ")) << "files of its folders, too";
  }
  EXPECT_THAT(save(now, "second"), HasSubstr("success")) << "who was logged in still is";
  log_in(now);
  EXPECT_EQ(sql(lab(), now, "select pg_is_in_recovery()"), "f");
  const auto rows = "cd /; runuser -u graphs -- psql -XAtc 'select string_agg(name, chr(44) order by name) from "
                    "dashboard_dashboard' -U graphite graphite";
  EXPECT_EQ(on(lab(), now, rows), "first,second");

  const auto summary = (*visitors)->leave();
  ASSERT_TRUE(summary) << describe(summary.error());
  EXPECT_EQ(Json::parse(*summary)["failed"], 0) << *summary;
  const auto compared = compare_with_shop(lab(), now, "visitors");
  ASSERT_TRUE(compared) << describe(compared.error());
  EXPECT_EQ(Json::parse(*compared)["lost"], 0) << *compared;
  EXPECT_EQ(Json::parse(*compared)["doubled"], 0) << *compared;
  ASSERT_EQ(wait_until_whole(), now);
  EXPECT_TRUE(wait_until([&] { return on(lab(), old, rows) == "first,second"; }, soon)) << "and the old one follows";
  prove(now);
}

TEST_F(SecondSite, AndTheShopAreStrangersToEachOther) {
  for (const std::string host : {"uno", "duo"}) {
    expect_shut(host, "graphs.test", "graphs", "nikolays", "graphs.env");
    expect_shut(host, "shop.test", "nikolays", "graphs", "shop.env");
    const std::string passwords = "cat /etc/nginx/tandem/graphs.test.htpasswd";
    EXPECT_TRUE(may(host, "www-data", passwords)) << "nginx";
    EXPECT_FALSE(may(host, "nikolays", passwords));
    EXPECT_FALSE(may(host, "graphs", passwords));

    EXPECT_TRUE(may(host, "graphs", "psql -XAtc 'select 1' -U graphite graphite"));
    EXPECT_TRUE(may(host, "nikolays", "psql -XAtc 'select 1' shop"));
    const auto refusal = [&](const std::string& user, const std::string& arguments) {
      return on(lab(), host, "cd /; runuser -u " + user + " -- psql -XAtc 'select 1' " + arguments + " 2>&1 || true");
    };
    EXPECT_THAT(refusal("nikolays", "graphite"), HasSubstr("permission denied for database \"graphite\""));
    EXPECT_THAT(refusal("nikolays", "-U graphite graphite"), HasSubstr("authentication failed"));
    EXPECT_THAT(refusal("graphs", "-U graphite shop"), HasSubstr("permission denied for database \"shop\""));
    EXPECT_THAT(refusal("graphs", "-U nikolays shop"), HasSubstr("authentication failed"));
  }
}

TEST_F(SecondSite, GoesBackToTheReleaseBeforeAndTheShopStaysWhereItIs) {
  const auto serving = primary();
  const auto before = link_of(serving);
  const auto shop = on(lab(), serving, "readlink /www/shop.test");
  EXPECT_THAT(visit(serving, "/browser/header"), HasSubstr("graphite.readthedocs.io"));
  ASSERT_TRUE(lab().run_checked("tre",
                                {"sh", "-ec",
                                 "cd /srv/git; rm -rf work; git clone -q graphs.git work; cd work; git config "
                                 "user.email lab@example.org; git config user.name lab; echo 'DOCUMENTATION_URL = "
                                 "\"https://wiki.graphs.test/\"' >> local_settings.py; git commit -qam 'Our own wiki'; "
                                 "git push -q origin HEAD:main"},
                                {.user = "git"}));
  ASSERT_OK(pair().tandem(serving, {"deploy", "graphs.test"}));
  for (const std::string host : {"uno", "duo"})
    EXPECT_THAT(visit(host, "/browser/header"), HasSubstr("wiki.graphs.test"));
  ASSERT_OK(pair().tandem(serving, {"rollback", "graphs.test"}));
  for (const std::string host : {"uno", "duo"}) {
    EXPECT_THAT(visit(host, "/browser/header"), HasSubstr("graphite.readthedocs.io"));
    EXPECT_TRUE(wait_until([&] { return link_of(host) == before; }, soon));
    EXPECT_EQ(on(lab(), host, "readlink /www/shop.test"), shop);
    EXPECT_TRUE(pair().fetch(host, "/"));
  }
  EXPECT_EQ(wait_until_whole(), serving);
}

} // namespace tandem::lab
