// A pair that somebody set up by hand: tandem reads it, and shows what it would change. It changes nothing meanwhile.
#include "base/text.hpp"
#include "hand_made.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <future>
#include <regex>

namespace tandem::lab {

using testing::HasSubstr;
using testing::Not;

namespace {

struct HandMadePair {
  OwnLab lab;
  std::unique_ptr<ShopPair> shop;
  std::map<std::string, std::string> pictures; // of each server before tandem, by host
  bool made = false;
};

std::unique_ptr<HandMadePair>& hand_made_pair() {
  static std::unique_ptr<HandMadePair> pair;
  return pair;
}

[[maybe_unused]] const bool hand_made_registered = at_the_end([] { hand_made_pair().reset(); });

Result<void> make_by_hand(HandMadePair& pair) {
  pair.shop = std::make_unique<ShopPair>(*pair.lab, goods(), show);
  TANDEM_CHECK(pair.shop->publish_shop());
  TANDEM_CHECK(set_up_by_hand(*pair.lab, show));
  for (const auto* host : {"uno", "duo"}) {
    TANDEM_CHECK(pair.shop->install(host));
    TANDEM_TRY(pair.pictures[host], picture_of(*pair.lab, host));
  }
  return {};
}

// What stands in one of the two texts only, "" when they say the same.
std::string lines_in_one(const std::string& one, const std::string& other) {
  const auto before = lines_of(one);
  const auto after = lines_of(other);
  const std::set<std::string> was(before.begin(), before.end());
  const std::set<std::string> is(after.begin(), after.end());
  std::vector<std::string> differences;
  std::ranges::set_symmetric_difference(was, is, std::back_inserter(differences));
  return join(differences, "\n");
}

// Of one picture what the other lacks, without times; not what changes by itself or with every new package.
std::string lines_that_went(const std::string& before, const std::string& after) {
  const auto without_times = [](const std::string& picture) {
    std::set<std::string> lines;
    for (const auto& line : lines_of(picture)) {
      static const std::regex changes("(/etc/g?(passwd|group|shadow)-? |[0-9]).*"); // new accounts; PostgreSQL's start
      if (std::regex_match(line, changes)) continue;
      auto words = split(line, ' ');
      if (words.size() > 6 && words[0].starts_with('/')) words.erase(words.begin() + 6); // of a file
      lines.insert(join(words, " "));
    }
    return lines;
  };
  const auto was = without_times(before);
  const auto is = without_times(after);
  std::vector<std::string> gone;
  std::ranges::set_difference(was, is, std::back_inserter(gone));
  return join(gone, "\n");
}

// One request after the other, three kinds in turn, with whatever certificate there is; what fails is counted.
constexpr auto* visitors_come = R"(rm -f /tmp/visits /tmp/stop
cat > /tmp/visit <<'TEXT'
total=0; failed=0
until [ -e /tmp/stop ]; do
  for path in / /media/picture.txt /static/shop/style.css; do
    total=$((total + 1))
    said=$(curl -ksS --fail --max-time 60 -o /dev/null --resolve shop.test:443:10.77.0.11 https://shop.test$path 2>&1) || {
      failed=$((failed + 1)); echo "$(date +%T.%N) $path $said"; }
  done
done
echo "$total requests, $failed failed"
TEXT
setsid sh /tmp/visit > /tmp/visits 2>&1 < /dev/null &
)";
constexpr auto* visitors_leave = R"(touch /tmp/stop
until grep -q 'requests, ' /tmp/visits; do sleep 0.2; done
cat /tmp/visits)";

} // namespace

class Adopt : public ::testing::Test {
protected:
  void SetUp() override {
    auto& pair = hand_made_pair();
    if (!pair) {
      pair = std::make_unique<HandMadePair>();
      ASSERT_TRUE(pair->lab.ok());
      ASSERT_OK(make_by_hand(*pair));
      pair->made = true;
    }
    ASSERT_TRUE(pair->made) << "there is no pair made by hand";
  }

  static Lab& lab() { return *hand_made_pair()->lab; }

  static ShopPair& shop() { return *hand_made_pair()->shop; }

  // Both servers are what they were before tandem, and duo's database follows.
  static void expect_as_by_hand() {
    for (const auto* host : {"uno", "duo"}) {
      const auto now = picture_of(lab(), host);
      ASSERT_OK(now);
      EXPECT_EQ(lines_that_went(hand_made_pair()->pictures.at(host), *now), "") << host;
      EXPECT_EQ(on(lab(), host,
                   "systemctl list-units --plain --no-legend 'tandem*' --state=active | grep -Ev "
                   "'^tandem([.]service|-gate[.]socket)' || true"),
                "");
    }
    ASSERT_OK(page_by_hand(lab(), "uno", "/"));
    on_uno("cd /; runuser -u postgres -- psql -Xqd shop -c 'create table if not exists by_hand_check (word text)'");
    const auto word = std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
    on_uno("cd /; runuser -u postgres -- psql -XAtqd shop -c \"insert into by_hand_check values ('" + word + "')\"");
    const auto arrived =
        "cd /; runuser -u postgres -- psql -XAtd shop -c 'select word from by_hand_check' | grep -qx " + word;
    EXPECT_TRUE(wait_until([&] { return holds_on(lab(), "duo", arrived); }, soon));
    EXPECT_EQ(on_uno("cd /; runuser -u postgres -- psql -XAtc \"select count(*) from pg_replication_slots\" -c 'show "
                     "max_wal_senders'"),
              "0\n3");
  }

  static void refused(const std::string& host, const std::vector<std::string>& words, const std::string& why) {
    const auto outcome = shop().try_tandem(host, words);
    ASSERT_OK(outcome);
    EXPECT_NE(outcome->status, 0);
    EXPECT_THAT(outcome->errors, HasSubstr(why));
  }

  static void take_over_again() {
    ASSERT_OK(shop().tandem("uno", {"init"}));
    const auto answer = Json::parse(on_uno("tandem init --token --json"));
    on(lab(), "duo", "rm -rf /etc/tandem/tandem.toml /etc/tandem/secrets");
    ASSERT_OK(shop().join_second(answer.at("token").get<std::string>()));
    ASSERT_OK(shop().tandem("uno", {"apply"}));
  }

  // As an operator does it whose agent died in the middle: the same command again, once there is an agent.
  static void undo_while(const std::string& host, const std::string& sign_on, const std::string& sign) {
    // What an agent that died had begun on the other server is let finish there.
    const std::string undo = "until tandem adopt --undo 2>&1 | tee /tmp/undo | grep -v 'under way' > /dev/null && "
                             "! grep -q 'under way' /tmp/undo; do sleep 0.5; done";
    auto first = std::async(std::launch::async, [&] { return lab().run("uno", {"bash", "-c", undo}); });
    const auto seen = "grep -qx '" + sign + "' /var/lib/tandem/giving-back";
    EXPECT_TRUE(wait_until([&] { return holds_on(lab(), sign_on, seen, soon); }, std::chrono::minutes(3))) << sign;
    on(lab(), host, "systemctl kill -s KILL tandem");
    ASSERT_OK(first.get());
  }

  static std::string on_uno(const std::string& line) { return on(lab(), "uno", line); }
};

TEST_F(Adopt, AServerSetUpByHandIsReadAndNotChanged) {
  ASSERT_OK(page_by_hand(lab(), "uno", "/"));
  const auto before = picture_of(lab(), "uno");
  ASSERT_OK(before);
  on_uno("mkdir -p /etc/tandem/found");
  const auto said = shop().tandem("uno", {"adopt", "--output", "/etc/tandem/found/tandem.toml"});
  ASSERT_OK(said);
  const auto after = picture_of(lab(), "uno");
  ASSERT_OK(after);
  EXPECT_EQ(lines_in_one(*before, *after), "");
  ASSERT_OK(page_by_hand(lab(), "uno", "/"));

  const auto toml = on_uno("cat /etc/tandem/found/tandem.toml");
  for (const auto* line :
       {"admin_mail = \"ops@example.org\"",
        "timezone = \"Europe/Moscow\"",
        "time_servers = [\"ru.pool.ntp.org\"]",
        "\"htop\"",
        "name = \"duo\"\naddress = \"10.77.0.12\"",
        "name = \"andrey\"\nuid = 1000",
        "sudo_nopasswd = true",
        "name = \"nikolays\"\nuid = 1001",
        "memcached = \"96MB\"",
        "redis = \"48MB\"",
        "\"shared_buffers\" = \"64MB\"",
        "\"work_mem\" = \"8MB\"",
        "domain = \"shop.test\"",
        "aliases = [\"www.shop.test\"]",
        "repo = \"http://tre/git/shop.git\"",
        "owner = \"nikolays\"",
        "wsgi = \"shop.wsgi:application\"",
        "\"SHOP_DATABASE\" = \"shop\"",
        "environment_file = \"secrets/shop.test.env\"",
        "{ name = \"st_search\" }",
        "{ name = \"media\", owner = \"andrey\" }",
        "\"/media/\" = \"media\"",
        "max_body = \"32MB\"",
        "processes = 3\nthreads = 2\nharakiri = \"40s\"",
        "\"buffer-size\" = \"16384\"",
        "[site.database]\nname = \"shop\"\nowner = \"nikolays\"\nextensions = [\"pg_trgm\"]",
        "[site.celery]\napp = \"shop\"",
        "queues = [\"celery\", \"mail\"]\nconcurrency = 2",
        "schedule = \"Mon,Tue,Wed,Thu,Fri *-*-* 03:15:00\"\nrun = \"python manage.py clearsessions\""})
    EXPECT_THAT(toml, HasSubstr(line));
  EXPECT_THAT(toml, Not(HasSubstr("made-by-hand"))) << "a secret";
  EXPECT_EQ(on_uno("cat /etc/tandem/found/secrets/shop.test.env; stat -c %a /etc/tandem/found/secrets/shop.test.env"),
            "SHOP_SECRET_KEY=\"made-by-hand\"\n600");
  for (const auto* remark :
       {"/etc/nginx/sites-enabled/shop.test:12: nginx's \"add_header X-By hand\"",
        "not committed, so no release would have it:  M shop/urls.py", "import1c, who is left as it is",
        "/var/spool/cron/crontabs/nikolays:", "@reboot echo up | mail ops@example.org",
        "/etc/cron.d/www:2: the comparison of files between the servers", "/etc/cron.daily/ntpdate: setting the clock"})
    EXPECT_THAT(*said, HasSubstr(remark));
  ASSERT_OK(shop().tandem("uno", {"check", "/etc/tandem/found/tandem.toml"}));
  const auto known = Json::parse(on_uno("cat /etc/tandem/found/by-hand.json"));
  const auto& site = known["sites"][0];
  EXPECT_EQ(site["socket"], "/run/uwsgi-shop.test/socket");
  EXPECT_EQ(site["unit"], "uwsgi@shop.test.service");
  EXPECT_EQ(site["workers"], Json::array({"celery@shop.test.service"}));
  EXPECT_EQ(site["nginx"], Json::array({"/etc/nginx/sites-enabled/shop.test"}));
  EXPECT_EQ(site["certificate"], "/etc/ssl/certs/shop.pem");
  EXPECT_THAT(site["cron"][0]["line"].get<std::string>(), HasSubstr("clearsessions"));
  EXPECT_THAT(known["cron"][0]["line"].get<std::string>(), HasSubstr("rsync"));
}

TEST_F(Adopt, NothingIsOverwrittenAndAStandbyIsNotAdopted) {
  on_uno("echo mine > /root/mine.toml");
  const auto over = shop().try_tandem("uno", {"adopt", "--output", "/root/mine.toml"});
  ASSERT_OK(over);
  EXPECT_EQ(over->status, 3);
  EXPECT_THAT(over->errors, HasSubstr("is there already"));
  EXPECT_EQ(on_uno("cat /root/mine.toml"), "mine");
  const auto standby = shop().try_tandem("duo", {"adopt"});
  ASSERT_OK(standby);
  EXPECT_EQ(standby->status, 3);
  EXPECT_THAT(standby->errors, HasSubstr("Run `tandem adopt` on the primary"));
}

TEST_F(Adopt, WhatWouldChangeIsShownWhileTheSiteAnswers) {
  const auto before = picture_of(lab(), "uno");
  ASSERT_OK(before);
  ASSERT_OK(shop().tandem("uno", {"adopt", "--output", "/etc/tandem/tandem.toml"}));
  ASSERT_OK(shop().init());
  const auto plan = shop().try_tandem("uno", {"plan"}); // without duo, which has not joined
  ASSERT_OK(plan);
  for (const auto* change : {"/etc/nginx/nginx.conf", "/etc/nginx/sites-enabled/shop.test.conf", "pg_hba.conf",
                             "absent /etc/nginx/sites-enabled/shop.test"})
    EXPECT_THAT(plan->output, HasSubstr(change));
  EXPECT_THAT(plan->output, Not(HasSubstr("+ user"))) << "people are there already";

  // Without what adopt wrote beside it nobody knows what serves the site.
  on_uno("mv /etc/tandem/by-hand.json /root/");
  const auto blind = shop().try_tandem("uno", {"plan"});
  ASSERT_OK(blind);
  EXPECT_THAT(blind->output, HasSubstr("`tandem apply` would refuse this: /www/shop.test was set up by hand"));
  const auto apply = shop().try_tandem("uno", {"apply"});
  ASSERT_OK(apply);
  EXPECT_EQ(apply->status, 3);
  EXPECT_THAT(apply->errors, HasSubstr("/www/shop.test was set up by hand"));
  on_uno("mv /root/by-hand.json /etc/tandem/");
  ASSERT_OK(page_by_hand(lab(), "uno", "/"));
  const auto after = picture_of(lab(), "uno");
  ASSERT_OK(after);
  EXPECT_EQ(lines_in_one(*before, *after), "");
}

// Visitors come all the while, also for a page that reads the database over a connection that is kept.
TEST_F(Adopt, ItIsTakenOverWithoutAnInterruption) {
  constexpr auto* rows =
      "cd /; runuser -u postgres -- psql -XAtd shop -c 'select count(*), max(name) from catalogue_product'";
  const auto before = on_uno(rows);
  on_uno(
      R"(sed -i '/^max_body/i deploy_steps = ["python manage.py migrate --noinput", "python manage.py collectstatic --noinput"]' /etc/tandem/tandem.toml)");
  ASSERT_OK(shop().tandem("uno", {"check"}));
  const auto answer = Json::parse(on_uno("tandem init --token --json"));
  ASSERT_OK(shop().join_second(answer.at("token").get<std::string>()));

  on(lab(), "tre", visitors_come);
  ASSERT_OK(shop().tandem("uno", {"apply"}));
  EXPECT_THAT(on_uno("readlink /run/tandem-sites/shop.test/current.sock"), HasSubstr("/run/uwsgi-shop.test/socket"));
  EXPECT_EQ(on_uno("stat -c %F /www/shop.test /www/shop.test/media"), "directory\nsymbolic link");
  EXPECT_EQ(on_uno("test ! -e /etc/nginx/sites-enabled/shop.test && cat /www/shop.test/media/picture.txt"),
            "a picture");
  EXPECT_EQ(on_uno("grep -c '^[^#].*rsync' /etc/cron.d/www || true"), "0");
  EXPECT_THAT(on_uno("tandem status"), HasSubstr("it goes on as it was set up by hand"));
  ASSERT_OK(page_by_hand(lab(), "uno", "/"));
  ASSERT_OK(page_by_hand(lab(), "duo", "/")); // a standby's nginx leads to the primary
  EXPECT_THAT(on_uno("systemctl is-active uwsgi@shop.test celery@shop.test"), HasSubstr("active\nactive"));

  const auto early = shop().try_tandem("uno", {"switchover"});
  ASSERT_OK(early);
  EXPECT_EQ(early->status, 3);
  EXPECT_THAT(early->errors, HasSubstr("shop.test is still served as it was set up by hand"));
  ASSERT_OK(shop().tandem("uno", {"deploy", "shop.test"}));
  const auto failures = on(lab(), "tre", visitors_leave);
  EXPECT_THAT(failures, HasSubstr("0 failed")) << failures;
  EXPECT_EQ(on_uno("stat -c %F /www/shop.test"), "symbolic link");
  EXPECT_EQ(on_uno("systemctl is-active uwsgi@shop.test celery@shop.test || true"), "inactive\ninactive");
  EXPECT_EQ(on_uno("systemctl is-enabled uwsgi@shop.test celery@shop.test || true"), "disabled\ndisabled");
  EXPECT_THAT(on_uno("crontab -u nikolays -l"), testing::StartsWith("# by hand until tandem: 15 3 * * 1-5 "));

  EXPECT_EQ(on_uno(rows), before) << "the database is the one that was there";
  EXPECT_TRUE(
      wait_until([&] { return holds_on(lab(), "uno", "tandem status --json | grep -q '\"problems\": \\[\\]'", soon); },
                 std::chrono::minutes(3)))
      << on_uno("tandem status");
  for (const auto* host : {"uno", "duo"}) {
    for (const auto* path : {"/", "/static/shop/style.css"})
      EXPECT_TRUE(shop().fetch(host, path)) << host << path;
    const auto picture = shop().fetch(host, "/media/picture.txt");
    ASSERT_OK(picture);
    EXPECT_THAT(*picture, HasSubstr("a picture"));
    EXPECT_THAT(on(lab(), host, "cat /www/.releases/shop.test/by-hand/shop/urls.py"),
                HasSubstr("mended on the server"));
  }
  const auto kept = on_uno("ls /var/lib/tandem/kept");
  for (const auto* file : {"etc_nginx_nginx.conf.", "etc_nginx_sites-enabled_shop.test.", "pg_hba.conf."})
    EXPECT_THAT(kept, HasSubstr(file));
  ASSERT_OK(shop().tandem("uno", {"switchover"}));
  EXPECT_TRUE(shop().fetch("duo", "/"));
  EXPECT_EQ(on(lab(), "duo", rows), before);
}

// duo is the primary now.
TEST_F(Adopt, ItIsGivenBackAsItWasWhileTheSiteAnswers) {
  const auto on_duo = shop().try_tandem("duo", {"adopt", "--undo"});
  ASSERT_OK(on_duo);
  EXPECT_EQ(on_duo->status, 3);
  EXPECT_THAT(on_duo->errors, HasSubstr("duo was the standby when it was set up by hand"));
  EXPECT_THAT(on_duo->errors, HasSubstr("tandem switchover"));
  ASSERT_OK(shop().tandem("duo", {"switchover"}));
  EXPECT_TRUE(
      wait_until([&] { return holds_on(lab(), "uno", "tandem status --json | grep -q '\"problems\": \\[\\]'", soon); },
                 std::chrono::minutes(3)))
      << on_uno("tandem status");
  on_uno("echo 'under tandem' > /www/shop.test/media/later.txt");

  on(lab(), "tre", visitors_come);
  const auto given = shop().tandem("uno", {"adopt", "--undo"});
  const auto failures = on(lab(), "tre", visitors_leave);
  ASSERT_OK(given);
  EXPECT_THAT(*given, HasSubstr("duo and uno are as they were set up by hand"));
  EXPECT_THAT(failures, HasSubstr(" 0 failed")) << failures;

  expect_as_by_hand();
  EXPECT_EQ(on_uno("stat -c %F /www/shop.test /www/shop.test/media; cat /www/shop.test/media/*.txt"),
            "directory\ndirectory\nunder tandem\na picture");
  EXPECT_EQ(on_uno("grep -c '^[^#].*rsync' /etc/cron.d/www; crontab -u nikolays -l | grep -c '^15 3'"), "1\n1");
  EXPECT_EQ(on_uno("test -e /primary_server && echo yes"), "yes");
  EXPECT_EQ(on(lab(), "duo", "test -e /primary_server || echo none"), "none");

  on_uno("$(sed -n 's/^0 [*] [*] [*] [*] root //p' /etc/cron.d/www | sed 's/.*&& //')"); // the hourly comparison
  EXPECT_EQ(on(lab(), "duo", "cat /www/shop.test/media/later.txt"), "under tandem");
  const auto status = shop().try_tandem("uno", {"status"});
  ASSERT_OK(status);
  EXPECT_THAT(status->output + status->errors, HasSubstr("no pair"));
}

// A pair that was given back is taken over once more.
TEST_F(Adopt, AgainAndTheWayBackSurvivesAgentsThatDie) {
  take_over_again();
  EXPECT_THAT(on_uno("tandem status"), HasSubstr("it goes on as it was set up by hand"));
  ASSERT_OK(shop().tandem("uno", {"deploy", "shop.test"}));
  undo_while("uno", "duo", "no duty");
  constexpr auto* both_answer = "test $(tandem status --json | grep -c '\"reachable\": true') = 2";
  EXPECT_TRUE(wait_until([&] { return holds_on(lab(), "uno", both_answer, soon); }, std::chrono::minutes(1)));
  const auto apply = shop().try_tandem("uno", {"apply"});
  ASSERT_OK(apply);
  EXPECT_EQ(apply->status, 3);
  EXPECT_THAT(apply->errors, HasSubstr("tandem adopt --undo goes on with it"));
  undo_while("duo", "uno", "no duty");
  EXPECT_TRUE(wait_until(
      [&] { return holds_on(lab(), "uno", "tandem adopt --undo || tandem status | grep -q 'no pair'", soon); },
      std::chrono::minutes(3)));
  expect_as_by_hand();
}

TEST_F(Adopt, AgainAndItIsKeptForGood) {
  take_over_again();
  refused("uno", {"adopt", "--keep"}, "shop.test is served as it was set up by hand");
  ASSERT_OK(shop().tandem("uno", {"deploy", "shop.test"}));
  refused("uno", {"files", "flush"}, "changes are not streamed at the moment");
  refused("duo", {"adopt", "--keep"}, "duo is not the primary");
  // The way back has begun on one of them: nobody is told.
  on_uno("echo begun > /var/lib/tandem/giving-back");
  refused("uno", {"adopt", "--keep"}, "this pair is being given back");
  EXPECT_FALSE(holds_on(lab(), "duo", "test -e /var/lib/tandem/way-back-given-up"));
  on_uno("rm /var/lib/tandem/giving-back");
  EXPECT_THAT(on_uno("tandem adopt --keep"), HasSubstr("duo and uno stay with tandem"));
  EXPECT_TRUE(wait_until([&] { return holds_on(lab(), "uno", "tandem files flush"); }, std::chrono::minutes(2)));
  on_uno("echo streamed > /www/shop.test/media/streamed.txt; tandem files flush");
  EXPECT_EQ(on(lab(), "duo", "cat /www/shop.test/media/streamed.txt"), "streamed");
  refused("uno", {"adopt", "--undo"}, "was given up by tandem adopt --keep");
  ASSERT_OK(shop().tandem("uno", {"apply"}));
  EXPECT_THAT(on_uno("tandem adopt --keep"), HasSubstr("stay with tandem")) << "typed again it is no error";
  for (const auto* host : {"uno", "duo"})
    EXPECT_TRUE(holds_on(lab(), host, "cd /var/lib/tandem && test -e before.json.given-up && ! test -e before.json"));
}

} // namespace tandem::lab
