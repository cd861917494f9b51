// Files that people write by hand: nginx's, uWSGI's and cron's.
#include "adopt/crontab.hpp"
#include "adopt/ini_file.hpp"
#include "adopt/nginx_file.hpp"

#include <gmock/gmock.h>

namespace tandem::adopt {

using testing::ElementsAre;

TEST(NginxFileTest, IsATreeWithLines) {
  const auto file = parse_nginx("# a comment; with { all }\n"
                                "server {\n"
                                "  server_name a.test b.test;\n"
                                "  add_header X \"a; b {\";\n"
                                "  location ~ \\.php$ { return 404; }\n"
                                "  set $x ${host}/y;\n"
                                "}\n");
  EXPECT_EQ(file.mistake, 0U);
  ASSERT_EQ(file.directives.size(), 1U);
  const auto& server = file.directives[0];
  EXPECT_EQ(server.line, 2U);
  ASSERT_EQ(server.block.size(), 4U);
  EXPECT_THAT(server.find("server_name")->arguments, ElementsAre("a.test", "b.test"));
  EXPECT_EQ(server.block[1].text(), "add_header X a; b {");
  EXPECT_THAT(server.block[2].arguments, ElementsAre("~", "\\.php$"));
  EXPECT_EQ(server.block[2].block[0].text(), "return 404");
  EXPECT_THAT(server.block[3].arguments, ElementsAre("$x", "${host}/y"));
}

TEST(NginxFileTest, TellsTheLineOfAMistake) {
  EXPECT_EQ(parse_nginx("server {\n listen 80;\n").mistake, 3U);
  EXPECT_EQ(parse_nginx("}\n").mistake, 1U);
  EXPECT_EQ(parse_nginx("a;\nb \"open;\n").mistake, 3U);
  EXPECT_EQ(parse_nginx("a b").mistake, 1U);
  EXPECT_EQ(parse_nginx(std::string(1000, '{')).mistake, 1U);
  std::string deep;
  for (int i = 0; i < 1000; ++i)
    deep += "a {";
  EXPECT_EQ(parse_nginx(deep).mistake, 1U);
}

TEST(IniFileTest, HasSectionsKeysAndStrangers) {
  const auto file = parse_ini("; c\n[uwsgi]\nmaster\nenv = A=b\nenv = C=d\nlong = one \\\n  two\n= x\n[other]\nk=v\n");
  ASSERT_EQ(file.lines.size(), 5U);
  EXPECT_EQ(file.lines[0].key, "master");
  EXPECT_EQ(file.last("uwsgi", "env")->value, "C=d");
  EXPECT_EQ(file.last("uwsgi", "long")->value, "one  two");
  EXPECT_EQ(file.last("uwsgi", "long")->line, 6U);
  EXPECT_EQ(file.last("other", "k")->value, "v");
  EXPECT_THAT(file.strangers, ElementsAre(8U));
}

TEST(IniFileTest, UwsgisPlaceholdersAreFilledIn) {
  const std::vector<IniLine> above{{"uwsgi", "base", "/www/shop.test", 1}};
  EXPECT_EQ(expand_uwsgi("%(base)/env", "/etc/uwsgi/a.ini", above), "/www/shop.test/env");
  EXPECT_EQ(expand_uwsgi("/run/%n.sock", "/etc/uwsgi/shop.test.ini", {}), "/run/shop.test.sock");
  EXPECT_EQ(expand_uwsgi("%dx %(unknown) %% 5%", "/etc/uwsgi/a.ini", above), "/etc/uwsgi/x %(unknown) %% 5%");
}

TEST(CrontabTest, LinesHaveTimeUserAndCommand) {
  const auto table = parse_crontab("MAILTO=\"ops@example.org\"\n# c\n15 3 * * 1-5 root cd /x && y=1 z\n"
                                   "@daily andrey  /bin/true\n* * *\n",
                                   true);
  EXPECT_EQ(table.mail_to, "ops@example.org");
  ASSERT_EQ(table.lines.size(), 2U);
  EXPECT_EQ(table.lines[0].when, "15 3 * * 1-5");
  EXPECT_EQ(table.lines[0].user, "root");
  EXPECT_EQ(table.lines[0].command, "cd /x && y=1 z");
  EXPECT_EQ(table.lines[1].when, "@daily");
  EXPECT_THAT(table.strangers, ElementsAre(5U));
  EXPECT_EQ(parse_crontab("0 4 * * * env/bin/python x\n", false).lines.at(0).command, "env/bin/python x");
}

TEST(CrontabTest, TimesBecomeCalendars) {
  EXPECT_EQ(calendar_of("15 3 * * *"), "*-*-* 03:15:00");
  EXPECT_EQ(calendar_of("*/20 * * * *"), "*-*-* *:00,20,40:00");
  EXPECT_EQ(calendar_of("0 9-11 * * mon-fri"), "Mon,Tue,Wed,Thu,Fri *-*-* 09,10,11:00:00");
  EXPECT_EQ(calendar_of("0 0 1 jan,Jul *"), "*-01,07-01 00:00:00");
  EXPECT_EQ(calendar_of("0 0 * * 7"), "Sun *-*-* 00:00:00");
  EXPECT_EQ(calendar_of("@weekly"), "Sun *-*-* 00:00:00");
  EXPECT_EQ(calendar_of("@reboot"), std::nullopt);
  EXPECT_EQ(calendar_of("0 0 1 * 1"), std::nullopt) << "whichever comes first";
  for (const auto* wrong : {"", "60 * * * *", "* 24 * * *", "1-0 * * * *", "*/0 * * * *", "x * * * *", "* * * *"})
    EXPECT_EQ(calendar_of(wrong), std::nullopt) << wrong;
}

TEST(CrontabTest, CommandsBecomeThoseOfAJob) {
  const auto job = [](std::string_view command) { return job_command(command, "/www/shop.test"); };
  EXPECT_EQ(job("cd /www/shop.test && env/bin/python manage.py feeds > /dev/null 2>&1"), "python manage.py feeds");
  EXPECT_EQ(job("/www/shop.test/env/bin/python /www/shop.test/manage.py feeds --all >> /www/shop.test/logs/x.log"),
            "python manage.py feeds --all");
  EXPECT_EQ(job("test -f /primary_server && cd /www/shop.test/ && . env/bin/activate && python manage.py x"),
            "python manage.py x");
  EXPECT_EQ(job("flock -n /tmp/lock /www/shop.test/clean.sh"), "./clean.sh");
  EXPECT_EQ(job("flock -n /tmp/lock -c './clean.sh --all'"), std::nullopt);
  EXPECT_EQ(job("cd /www/shop.test && flock -n /tmp/lock -c './clean.sh --all'"),
            "flock -n /tmp/lock -c './clean.sh --all'");
  for (const auto* shell : {"cd /www/shop.test && a | b", "cd /www/shop.test && a; b",
                            "cd /www/shop.test && a $(date +%s)", "cd /www/shop.test && a /www/other.test/b",
                            "/usr/bin/elsewhere", "cd /www/shop.test && a > '/x y'", "cd /www/shop.tester && a", ""})
    EXPECT_EQ(job(shell), std::nullopt) << shell;
}

} // namespace tandem::adopt
