// What is pushed to a site's branch is deployed: real signed messages, by whichever server they come in.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <future>

namespace tandem::lab {

using testing::HasSubstr;
using testing::StartsWith;

namespace {

constexpr auto* hook_secret = "only-for-the-lab";
constexpr auto* hook_line = "health = \"/\"\nwebhook_secret_file = \"secrets/shop.hook\"\n";
constexpr auto deploy_limit = std::chrono::minutes(4);

// What a host of repositories says, and how.
struct Message {
  std::string event = "push";
  std::string branch = "main";
  std::string secret = hook_secret;
  std::size_t padding = 0; // bytes
};

class Hooks : public PairTest {
protected:
  void prepare() override {
    for (const auto* host : {"uno", "duo"}) {
      on(lab(), host, "install -d -m 0700 /etc/tandem/secrets");
      ASSERT_OK(lab().write_file(host, "/etc/tandem/secrets/shop.hook", std::string(hook_secret) + "\n", 0600));
    }
    apply(with());
    ASSERT_TRUE(pair().fetch(primary(), "/")); // brings the authority to tre
  }

  static std::string with(const std::string& more = "") {
    return replace_all(shop_toml(), "health = \"/\"\n", hook_line + more);
  }

  // A commit on main whose pages show that mark; its name.
  static std::string commit(const std::string& mark, const std::string& edit = "true") {
    return push_branch(lab(), "main",
                       "sed -i 's/<body[^>]*>/<body data-mark=\"" + mark + "\">/' shop/templates/base.html\n" + edit);
  }

  // Sends it from tre to that server; "STATUS text".
  static std::string send(const std::string& host, const std::string& commit, const Message& message = {}) {
    static std::atomic<int> number = 0;
    const auto file = fmt::format("/root/push-{}.json", ++number);
    const Json body{
        {"ref", "refs/heads/" + message.branch}, {"after", commit}, {"padding", std::string(message.padding, 'x')}};
    if (const auto written = lab().write_file("tre", file, body.dump(), 0600); !written) return written.error().message;
    const auto sign = "openssl dgst -sha256 -hmac '" + message.secret + "' " + file + " | sed 's/.* //'";
    return on(
        lab(), "tre",
        fmt::format("curl -s --max-time 60 --cacert /root/ca.pem --resolve shop.test:443:{} -w '\\n%{{http_code}}' "
                    "-H 'Content-Type: application/json' -H 'X-GitHub-Event: {}' "
                    "-H \"X-Hub-Signature-256: sha256=$({})\" --data-binary @{} "
                    "https://shop.test/.tandem/push | tac | tr '\\n' ' '",
                    address_of(host), message.event, sign, file));
  }

  static bool comes_to_show(const std::string& host, const std::string& mark) {
    return wait_until(
        [&] {
          const auto page = pair().fetch(host, "/");
          return page && page->find("data-mark=\"" + mark + "\"") != std::string::npos;
        },
        deploy_limit);
  }

  // What the primary knows of the site's last push.
  static Json push_on(const std::string& server) {
    const auto status = status_of(pair(), server, server);
    if (!status.is_object()) return {};
    for (const auto& push : status.value("pushes", Json::array()))
      if (push["domain"] == "shop.test") return push;
    return {};
  }

  static bool comes_to_be(const std::string& state, const std::string& commit) {
    const auto reached = [&] {
      const auto push = push_on(primary());
      return push.is_object() && push["state"] == state && push["commit"] == commit;
    };
    if (wait_until(reached, deploy_limit)) return true;
    show(push_on("uno").dump() + "\n" + push_on("duo").dump());
    return false;
  }

  static std::string live(const std::string& host) { return on(lab(), host, "readlink /www/shop.test"); }

  static long refusals_logged(const std::string& host) {
    return std::stol(on(lab(), host, "journalctl -u tandem --no-pager | grep -c 'at /.tandem/push: ' || true"));
  }
};

} // namespace

TEST_F(Hooks, APushIsDeployedWhicheverServerItReachesAndOthersAreNot) {
  const auto serving = primary();
  const auto before = live(serving);
  const auto first = commit("first");
  for (const std::string host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    EXPECT_THAT(send(host, first, {.secret = "another"}), StartsWith("403 refused"));
    EXPECT_THAT(send(host, first, {.branch = "next"}), StartsWith("200 nothing to do"));
    EXPECT_THAT(send(host, first, {.event = "ping"}), StartsWith("200 nothing to do"));
    EXPECT_THAT(send(host, first, {.padding = 1100000}), StartsWith("413 "));
  }
  EXPECT_EQ(refusals_logged(serving), 1) << "twice within a minute";
  EXPECT_TRUE(push_on(serving).is_null()) << push_on(serving).dump();
  EXPECT_EQ(live(serving), before);

  EXPECT_THAT(send(serving, first), StartsWith("202 " + first));
  EXPECT_TRUE(comes_to_be("deployed", first));
  for (const std::string host : {"uno", "duo"})
    EXPECT_TRUE(comes_to_show(host, "first")) << host;

  const auto second = commit("second");
  EXPECT_THAT(send(other(serving), second), StartsWith("202 " + second));
  EXPECT_TRUE(comes_to_be("deployed", second));
  EXPECT_TRUE(comes_to_show(serving, "second"));
}

TEST_F(Hooks, APushThatWasTakenIsDeployedAlthoughTheAgentDies) {
  const auto serving = primary();
  const auto wanted = commit("killed");
  EXPECT_THAT(send(serving, wanted), StartsWith("202 "));
  on(lab(), serving, "systemctl kill -s KILL --kill-who=main tandem");
  EXPECT_TRUE(comes_to_be("deployed", wanted));
  EXPECT_TRUE(comes_to_show(serving, "killed"));

  // In the middle of its deploy, too, and what came meanwhile is deployed with it.
  const auto since = on(lab(), serving, "date +%s");
  halt_at(lab(), serving, "deploy switch");
  const auto later = commit("killed-later");
  EXPECT_THAT(send(serving, later), StartsWith("202 "));
  const auto stands = "journalctl -u tandem --since @" + since + " | grep -q 'stands still before .switch'";
  ASSERT_TRUE(wait_until([&] { return holds_on(lab(), serving, stands); }, deploy_limit));
  const auto last = commit("killed-last");
  EXPECT_THAT(send(serving, last), StartsWith("202 "));
  EXPECT_EQ(push_on(serving)["state"], "waiting");
  on(lab(), serving, "systemctl kill -s KILL --kill-who=main tandem; rm -f /run/tandem/halt");
  EXPECT_TRUE(comes_to_be("deployed", last));
  EXPECT_TRUE(comes_to_show(serving, "killed-last"));
}

// One that the old primary has taken, and one that waits at its closed gate.
TEST_F(Hooks, APushDuringASwitchoverIsDeployedByTheNewPrimary) {
  for (const std::string point : {"warm after", "close-gate after"}) {
    SCOPED_TRACE(point);
    const auto from = primary();
    const auto to = other(from);
    const auto mark = replace_all(point, " ", "-");
    const auto wanted = commit(mark);
    halt_at(lab(), from, point);
    auto switchover = std::async(std::launch::async, [&] { return pair().try_tandem(from, {"switchover"}); });
    EXPECT_TRUE(stands_at(lab(), from, point));
    auto sent = std::async(std::launch::async, [&] { return send(from, wanted); });
    if (point == "warm after") {
      EXPECT_THAT(sent.get(), StartsWith("202 "));
      EXPECT_EQ(push_on(from)["state"], "waiting");
    } else {
      EXPECT_TRUE(wait_until([&] { return holds_on(lab(), "tre", "pgrep -f '^curl .*tandem/push'"); }, soon));
    }
    on(lab(), from, "rm -f /run/tandem/halt");
    const auto ended = switchover.get();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->status, 0) << ended->errors;
    if (sent.valid()) {
      EXPECT_THAT(sent.get(), StartsWith("202 "));
    }
    EXPECT_EQ(primary(), to);
    EXPECT_TRUE(comes_to_be("deployed", wanted));
    EXPECT_TRUE(comes_to_show(to, mark));
  }
}

TEST_F(Hooks, APushThatFailsIsAProblemUntilTheSiteIsDeployed) {
  const auto serving = primary();
  const auto broken = commit("broken", "echo 'def broken(:' >> shop/settings.py");
  EXPECT_THAT(send(serving, broken), StartsWith("202 "));
  EXPECT_TRUE(comes_to_be("failed", broken));
  EXPECT_THAT(on(lab(), serving, "tandem status"), HasSubstr("shop.test: the push of " + broken.substr(0, 7)));
  const auto mended = commit("mended", "sed -i '/^def broken(:/d' shop/settings.py");
  ASSERT_OK(pair().tandem(serving, {"deploy", shop_domain}));
  EXPECT_TRUE(comes_to_show(serving, "mended"));
  EXPECT_EQ(wait_until_whole(), serving) << "nothing is wrong any more";
  EXPECT_THAT(send(serving, mended), StartsWith("202 "));
  EXPECT_TRUE(comes_to_be("deployed", mended));
}

TEST_F(Hooks, APushNeedsNoPasswordOfItsSite) {
  for (const auto* host : {"uno", "duo"})
    ASSERT_OK(lab().write_file(host, "/etc/tandem/secrets/shop.htpasswd", "shop:{PLAIN}only-for-the-lab\n", 0600));
  const auto serving = primary();
  apply(with("basic_auth = \"secrets/shop.htpasswd\"\n"));
  const auto wanted = commit("password");
  for (const std::string host : {"uno", "duo"}) {
    EXPECT_THAT(send(host, wanted), StartsWith("202 ")) << host;
    EXPECT_FALSE(pair().fetch(host, "/")) << host << " shows its pages to everybody";
  }
  EXPECT_TRUE(comes_to_be("deployed", wanted));
  apply(with());
  EXPECT_TRUE(comes_to_show(serving, "password"));
}

} // namespace tandem::lab
