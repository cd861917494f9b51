// The command line against an agent that the test plays.
#include "cli/environment.hpp"
#include "cli/logs.hpp"
#include "cli/watch.hpp"
#include "fakes/server.hpp"
#include "peer/session.hpp"
#include "peer/transport.hpp"
#include "unit/peer/support.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sstream>

namespace tandem::cli {
namespace {

using peer::testing::RunningLoop;

struct Cli : ::testing::Test {
  std::string socket = ::testing::TempDir() + "tandem-cli-" + std::to_string(::getpid()) + ".sock";
  fakes::Server server;
  std::ostringstream out;
  std::ostringstream errors;
  int agent_runs = 0;
  std::vector<std::string> became;
  std::map<std::string, Result<Json>> answers;
  std::vector<std::pair<std::string, Json>> asked;
  RunningLoop loop;
  std::unique_ptr<peer::Listener> listener;
  std::set<std::shared_ptr<peer::Session>> sessions;

  void start_agent() {
    loop.on([this] {
      listener = peer::listen_unix(*loop, socket, [this](peer::ConnectionPtr connection) {
                   take(std::move(connection));
                 }).value();
    });
  }

  void take(peer::ConnectionPtr connection) {
    peer::Session::Hooks hooks;
    hooks.on_request = [this](const peer::Request& request) {
      asked.emplace_back(request.method(), request.params());
      request.event({{"line", "a step"}});
      const auto found = answers.find(request.method());
      request.answer(found == answers.end() ? fail(ErrorKind::not_found, "no such thing") : found->second);
    };
    hooks.on_closed = [this](const std::shared_ptr<peer::Session>& session, const Error&) { sessions.erase(session); };
    auto session = std::make_shared<peer::Session>(*loop, std::move(connection), peer::Caller::command,
                                                   peer::Hello{"", "uno", "b", "0"}, peer::Timing{}, hooks);
    sessions.insert(session);
    session->start();
  }

  void TearDown() override {
    loop.on([this] {
      listener.reset();
      for (const auto& session : std::exchange(sessions, {}))
        session->close({});
    });
  }

  Result<adopt::Found> read = failed("nothing was read");
  bool root = true;

  int run(std::vector<const char*> words) {
    words.insert(words.begin(), "tandem");
    Environment environment{.services = server.services,
                            .files = server.files,
                            .socket = socket,
                            .version = "0.1",
                            .run_agent = [this]() -> Result<void> {
                              ++agent_runs;
                              return {};
                            },
                            .become = [this](const std::vector<std::string>& arguments) -> Result<void> {
                              became = arguments;
                              return {};
                            },
                            .read_server = [this](const auto&) { return read; },
                            .out = out,
                            .errors = errors,
                            .root = root};
    return cli::run(static_cast<int>(words.size()), words.data(), environment);
  }
};

TEST_F(Cli, EveryCommandHasHelpWithExamples) {
  for (const char* command : {"check", "init", "join", "status", "plan", "apply", "deploy", "rollback", "deploys",
                              "switchover", "runbook", "agent"}) {
    out.str("");
    EXPECT_EQ(run({command, "--help"}), 0);
    EXPECT_NE(out.str().find("Example"), std::string::npos) << command;
    EXPECT_NE(out.str().find(std::string("tandem ") + command), std::string::npos) << command;
  }
}

TEST_F(Cli, WrongUsageIsStatusTwoAndSaysWhatIsWrong) {
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"fly"}), 2);
  EXPECT_EQ(run({"join", "192.0.2.11"}), 2);
  EXPECT_NE(errors.str().find("TOKEN"), std::string::npos) << errors.str();
}

TEST_F(Cli, WhoIsNotRootIsToldSoAndMayCheckAFileOfTheirOwn) {
  root = false;
  for (const char* command : {"init", "status", "apply", "agent"}) {
    EXPECT_EQ(run({command}), 1);
    EXPECT_THAT(errors.str(),
                ::testing::EndsWith(fmt::format("only root may run `tandem {0}`\n  sudo tandem {0}\n", command)));
  }
  EXPECT_EQ(agent_runs, 0);
  server.files.put("/home/ann/tandem.toml", "[pair]\n");
  EXPECT_EQ(run({"check", "/home/ann/tandem.toml"}), 2);
  EXPECT_THAT(errors.str(), ::testing::HasSubstr("/home/ann/tandem.toml:1:1: "));
}

TEST_F(Cli, CheckSaysAllThatIsWrongWithAFileAndWhere) {
  server.files.put("/etc/tandem/tandem.toml", "[pair]\nname = \"shops\"\nprot = 7411\n[[server]]\nname = \"uno\"\n");
  EXPECT_EQ(run({"check"}), 2);
  EXPECT_NE(errors.str().find("/etc/tandem/tandem.toml:3:1: "), std::string::npos) << errors.str();
  EXPECT_NE(errors.str().find("/etc/tandem/tandem.toml:4:1: "), std::string::npos) << errors.str();
  EXPECT_EQ(run({"check", "/root/other.toml"}), 2);
  EXPECT_NE(errors.str().find("/root/other.toml"), std::string::npos) << errors.str();
}

TEST_F(Cli, CheckOfAFileThatIsNotThereSaysWhatToDo) {
  EXPECT_EQ(run({"check", "/etc/tandem/none.toml"}), 2);
  EXPECT_THAT(errors.str(), ::testing::HasSubstr("there is no /etc/tandem/none.toml\n  Write it first"));
}

TEST_F(Cli, CheckAcceptsAGoodFileWhoseSecretsAreThere) {
  const std::string text = "[pair]\nname = \"shops\"\nadmin_mail = \"ops@example.org\"\n"
                           "[[server]]\nname = \"uno\"\naddress = \"192.0.2.11\"\n[[user]]\nname = \"shop\"\n"
                           "[[site]]\ndomain = \"shop.example\"\nrepo = \"https://git.example/shop.git\"\n"
                           "owner = \"shop\"\nwsgi = \"shop:application\"\nbasic_auth = \"secrets/visitors\"\n";
  server.files.put("/root/tandem.toml", text);
  EXPECT_EQ(run({"check", "/root/tandem.toml"}), 2);
  EXPECT_NE(errors.str().find("/root/secrets/visitors"), std::string::npos) << errors.str();
  server.files.put("/root/secrets/visitors", "visitor:hash\n");
  EXPECT_EQ(run({"check", "/root/tandem.toml"}), 0) << errors.str();
  EXPECT_NE(out.str().find("servers: 1, users: 1, sites: 1"), std::string::npos) << out.str();
}

TEST_F(Cli, WithoutAnAgentStatusFailsAndSaysHowToStartIt) {
  EXPECT_EQ(run({"status"}), 1);
  EXPECT_NE(errors.str().find("systemctl start tandem"), std::string::npos) << errors.str();
}

TEST_F(Cli, StatusShowsServersRolesAndProblems) {
  answers.emplace("status",
                  Json{{"pair", "shops"},
                       {"self", "uno"},
                       {"servers",
                        {{{"name", "uno"}, {"reachable", true}, {"version", "0.1"}, {"epoch", 3}, {"primary", "uno"}},
                         {{"name", "duo"}, {"reachable", false}, {"problem", "no route"}}}},
                       {"problems", {"duo does not answer: no route"}}});
  start_agent();
  EXPECT_EQ(run({"status"}), 0);
  EXPECT_NE(out.str().find("pair shops: 1 problem\n  ! duo does not answer: no route\n"), std::string::npos)
      << out.str();
  EXPECT_NE(out.str().find("uno (here)       primary        3      0.1 "), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("duo              not reachable  -      - "), std::string::npos) << out.str();
  out.str("");
  EXPECT_EQ(run({"status", "--json"}), 0);
  EXPECT_EQ(Json::parse(out.str()), *answers.at("status"));
}

TEST_F(Cli, StatusShowsHowFarTheStandbyIsAndEachSitesRelease) {
  const Json uno{
      {"name", "uno"},
      {"reachable", true},
      {"version", "0.1"},
      {"epoch", 3},
      {"primary", "uno"},
      {"database",
       {{"state", "primary"}, {"standbys", {{{"server", "duo"}, {"lag_bytes", 4096}, {"lag_seconds", 1.5}}}}}},
      {"files", {{"standbys", {{{"server", "duo"}, {"complete_to", "2026-11-24T08:00:00Z"}}}}}},
      {"sites",
       {{{"domain", "a.example"}, {"release", "2-b"}, {"runs", true}},
        {{"domain", "b.example"}, {"release", nullptr}}}}};
  const Json duo{{"name", "duo"},
                 {"reachable", true},
                 {"version", "0.1"},
                 {"epoch", 3},
                 {"primary", "uno"},
                 {"database", {{"state", "standby"}}},
                 {"sites",
                  {{{"domain", "a.example"}, {"release", "1-a"}, {"runs", false}},
                   {{"domain", "b.example"}, {"release", nullptr}}}}};
  answers.emplace("status",
                  Json{{"pair", "shops"}, {"self", "uno"}, {"servers", {duo, uno}}, {"problems", Json::array()}});
  start_agent();
  EXPECT_EQ(run({"status"}), 0);
  const auto row = [&](const std::string& begin) {
    const auto at = out.str().find("\n" + begin);
    return at == std::string::npos ? "no row " + begin
                                   : out.str().substr(at + 1, out.str().find('\n', at + 1) - at - 1);
  };
  EXPECT_TRUE(row("duo ").ends_with("4096 B, 1.5 s behind complete to 2026-11-24T08:00:00Z, by comparison"))
      << out.str();
  EXPECT_TRUE(row("uno (here)").contains("takes writes")) << out.str();
  EXPECT_TRUE(row("a.example").ends_with(" 2-b; duo: 1-a (does not run)")) << out.str();
  EXPECT_TRUE(row("b.example").ends_with(" not deployed")) << out.str();
}

TEST_F(Cli, ASwitchoverWhoseOldPrimaryDoesNotFollowDoesNotSaySo) {
  answers.emplace("switchover", Json{{"from", "uno"},
                                     {"to", "duo"},
                                     {"epoch", 4},
                                     {"ending", "done"},
                                     {"seconds", 20.0},
                                     {"left", {"\"uno follows duo\" is not done: systemd says failed"}}});
  start_agent();
  EXPECT_EQ(run({"switchover"}), 1);
  EXPECT_NE(out.str().find("duo is the primary now, at epoch 4. It took"), std::string::npos) << out.str();
  EXPECT_NE(errors.str().find("\"uno follows duo\" is not done: systemd says failed"), std::string::npos);
}

TEST_F(Cli, ApplyThatLeftAServerOutIsNotDone) {
  answers.emplace("apply",
                  Json{{"servers", {{{"name", "uno"}, {"text", "uno: nothing to do\n"}}}}, {"absent", {"duo"}}});
  start_agent();
  EXPECT_EQ(run({"apply"}), 1);
  EXPECT_NE(errors.str().find("apply left out duo"), std::string::npos) << errors.str();
}

TEST_F(Cli, InitPrintsWhatToTypeOnTheOtherServer) {
  answers.emplace("init", Json{{"server", "uno"},
                               {"pair", "shops"},
                               {"already", false},
                               {"token", "t1-a-b"},
                               {"address", "192.0.2.11"},
                               {"others", {"duo"}}});
  start_agent();
  EXPECT_EQ(run({"init", "--server", "uno"}), 0);
  EXPECT_NE(out.str().find("This server is now uno of pair shops."), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("On duo, install tandem and type:\n\n  tandem join 192.0.2.11 t1-a-b\n"), std::string::npos);
  EXPECT_EQ(errors.str(), "a step\n");
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].second, (Json{{"server", "uno"}}));
  EXPECT_TRUE(server.services.calls.empty()) << "it runs already";
}

TEST_F(Cli, InitStartsTheAgentThroughSystemd) {
  server.services.put("tandem-gate.socket", "inactive", "disabled");
  server.services.put("tandem.service", "inactive", "disabled");
  EXPECT_EQ(run({"init"}), 1) << "there is no real agent behind the fake systemd";
  EXPECT_EQ(server.services.calls, (std::vector<std::string>{"enable tandem-gate.socket", "start tandem-gate.socket",
                                                             "enable tandem.service", "start tandem.service"}));
}

TEST_F(Cli, ExitStatusFollowsTheKindOfError) {
  answers.emplace("join", fail(ErrorKind::refused, "the join token has expired", "make a new one"));
  answers.emplace("token", fail(ErrorKind::invalid, "bad"));
  answers.emplace("init", fail(ErrorKind::failed, "broken"));
  start_agent();
  EXPECT_EQ(run({"join", "192.0.2.11", "t1-a-b"}), 3);
  EXPECT_NE(errors.str().find("tandem: the join token has expired\n  make a new one\n"), std::string::npos);
  EXPECT_EQ(run({"init", "--token"}), 2);
  EXPECT_EQ(run({"init"}), 1);
  out.str("");
  EXPECT_EQ(run({"join", "192.0.2.11", "t1-a-b", "--json"}), 3);
  EXPECT_EQ(Json::parse(out.str())["error"]["kind"], "refused");
}

TEST_F(Cli, LogsOfASiteAreItsReleasesJournalAndItsLinesOfNginx) {
  model::Site site;
  site.domain = "a-shop.test";
  site.aliases = {"www.a-shop.test"};
  EXPECT_EQ(logs_line(site, {.lines = 5}), "grep -F -e 'server: a-shop.test,' /var/log/nginx/error.log | tail -n 5\n"
                                           "exec journalctl --no-pager --no-hostname --output=short-iso --lines=5 "
                                           "--unit='tandem-site@a\\\\x2dshop.test-*.service'");
  const auto followed = logs_line(site, {.follow = true, .requests = true});
  EXPECT_THAT(followed, ::testing::HasSubstr(
                            "tail -n 0 -qF /var/log/nginx/access.log 2>/dev/null | grep -F -e '\" a-shop.test ' -e "
                            "'\" www.a-shop.test ' --line-buffered &\n"));
  EXPECT_THAT(followed, ::testing::HasSubstr(" --follow --unit="));
}

TEST_F(Cli, LogsOfASiteThatTheFileDoesNotHaveNamesThoseItHas) {
  server.files.put("/etc/tandem/tandem.toml",
                   "[pair]\nname = \"p\"\nadmin_mail = \"a@b.example\"\n[[server]]\nname = \"uno\"\naddress = "
                   "\"192.0.2.1\"\n[[user]]\nname = \"shop\"\n[[site]]\ndomain = \"a.test\"\nrepo = "
                   "\"https://git.example/a.git\"\nowner = \"shop\"\nwsgi = \"a:b\"\n");
  EXPECT_EQ(run({"logs", "b.test"}), 1);
  EXPECT_THAT(errors.str(), ::testing::HasSubstr("It has a.test"));
  EXPECT_TRUE(became.empty());
  EXPECT_EQ(run({"logs", "a.test"}), 0) << errors.str();
  ASSERT_EQ(became.size(), 3U);
  EXPECT_EQ(became[1], "-c");
}

TEST_F(Cli, ADeployOfAllSitesSaysWhatBecameOfEachAndFailsWhereOneDid) {
  answers.emplace("deploy",
                  Json{{"sites",
                        {{{"site", "a.test"}, {"release", "20261124083010-aaaaaaa"}, {"warnings", {"slow"}}},
                         {{"site", "b.test"}, {"error", {{"kind", "failed"}, {"message", "no"}, {"hint", ""}}}},
                         {{"site", "c.test"}, {"not_started", true}}}}});
  start_agent();
  EXPECT_EQ(run({"deploy", "--all", "--stop-at-failure"}), 1);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_TRUE(asked[0].second["all"].get<bool>());
  EXPECT_TRUE(asked[0].second["stop_at_failure"].get<bool>());
  EXPECT_EQ(out.str(), "a.test serves release 20261124083010-aaaaaaa\n");
  EXPECT_THAT(errors.str(), ::testing::HasSubstr("1 of 3 sites deployed; failed: b.test; not started: c.test"));
  out.str("");
  EXPECT_EQ(run({"deploy", "--all", "--json"}), 1);
  EXPECT_EQ(Json::parse(out.str())["sites"].size(), 3U) << "one document";
}

TEST_F(Cli, ADeployIsOfOneSiteOrOfAll) {
  start_agent();
  EXPECT_EQ(run({"deploy"}), 2);
  EXPECT_EQ(run({"deploy", "--all", "a.test"}), 2);
  EXPECT_EQ(run({"deploy", "--stop-at-failure", "a.test"}), 2);
  EXPECT_TRUE(asked.empty());
}

TEST_F(Cli, ADryRunTellsWhatWouldComeGoAndRun) {
  answers.emplace("deploy", Json{{"site", "a.test"},
                                 {"commit", std::string(40, 'b')},
                                 {"branch", "main"},
                                 {"current", {{"release", "20261124083010-aaaaaaa"}, {"commit", std::string(40, 'a')}}},
                                 {"related", true},
                                 {"comes", {"bbbbbbb Better"}},
                                 {"goes", Json::array()},
                                 {"environment", "0123456789abcdef"},
                                 {"builds_environment", true},
                                 {"steps", {"python manage.py migrate"}},
                                 {"migrations", Json::array()}});
  start_agent();
  EXPECT_EQ(run({"deploy", "--dry-run", "a.test"}), 0) << errors.str();
  EXPECT_TRUE(asked.at(0).second["dry_run"].get<bool>());
  EXPECT_EQ(out.str(), "a.test: commit bbbbbbb (main) would follow release 20261124083010-aaaaaaa\n"
                       "  commits that come, the newest first (20 at most):\n    bbbbbbb Better\n"
                       "  environment 0123456789abcdef would be built: what it is made of has changed\n"
                       "  steps that would run:\n    python manage.py migrate\n");
}

TEST_F(Cli, DeploysAreListedByServerAndOneIsShownWithAllThatItSaid) {
  const Json record{{"number", 12},
                    {"what", "deploy"},
                    {"who", "nikolays"},
                    {"wanted", "main"},
                    {"began", "2026-11-24 08:30:10 UTC"},
                    {"ended", "2026-11-24 08:30:22 UTC"},
                    {"seconds", 12},
                    {"from", {{"release", ""}, {"commit", ""}}},
                    {"to", {{"release", "20261124083010-aaaaaaa"}, {"commit", "a"}}},
                    {"outcome", "done"},
                    {"failure", ""},
                    {"warnings", Json::array()}};
  const Json release{{"release", "20261124083010-aaaaaaa"},
                     {"commit", "a"},
                     {"branch", "main"},
                     {"built", ""},
                     {"live", true},
                     {"previous", false}};
  answers.emplace(
      "deploys",
      Json{{"servers",
            {{{"name", "uno"}, {"sites", {{{"site", "a.test"}, {"releases", {release}}, {"deploys", {record}}}}}},
             {{"name", "duo"}, {"problem", "it does not answer"}}}}});
  start_agent();
  EXPECT_EQ(run({"deploys", "a.test"}), 1) << "not all were asked";
  EXPECT_EQ(asked.at(0).second["site"], "a.test");
  EXPECT_EQ(out.str(), "a.test on uno\n  releases:\n    20261124083010-aaaaaaa  main, live\n"
                       "  deploys, the newest first:\n"
                       "      12  2026-11-24 08:30:10 UTC  deploy   done    nothing -> 20261124083010-aaaaaaa in 12 s, "
                       "asked for by nikolays (main)\n");
  auto shown = record;
  shown["site"] = "a.test";
  shown["log"] = "08:30:10 fetching\n";
  answers.erase("deploys");
  answers.emplace("deploys", shown);
  out.str("");
  EXPECT_EQ(run({"deploys", "show", "a.test", "12"}), 0) << errors.str();
  EXPECT_EQ(asked.back().second, (Json{{"site", "a.test"}, {"show", 12}}));
  EXPECT_THAT(out.str(), ::testing::EndsWith("\n\n08:30:10 fetching\n"));
}

TEST_F(Cli, AgentRunsInThisProcess) {
  EXPECT_EQ(run({"agent"}), 0);
  EXPECT_EQ(agent_runs, 1);
}

} // namespace
} // namespace tandem::cli
