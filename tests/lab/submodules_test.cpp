// A private repository with private submodules, reached by a deploy key on a host whose key is pinned.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

// Two repositories that tre's ssh alone gives, one within the other; `colour` is what the inner one says.
constexpr auto* publish_nested = R"(
set -e
cd /srv/git
if [ ! -d nested-shop.git ]; then
  for name in colours shop; do git init -q --bare -b main nested-$name.git; done
fi
rm -rf nested-work && mkdir nested-work && cd nested-work
export GIT_AUTHOR_NAME=lab GIT_AUTHOR_EMAIL=lab@example.org GIT_COMMITTER_NAME=lab GIT_COMMITTER_EMAIL=lab@example.org
git init -q -b main colours && cd colours
printf 'colour = "%colour%"\n' > said.py
touch __init__.py
git add -A && git commit -q -m '%colour%' && git push -q -f ../../nested-colours.git main
inner=$(git rev-parse HEAD)
cd .. && git init -q -b main shop && cd shop
cat > nested.py <<'END'
from libraries.colours.said import colour


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [colour.encode()]
END
echo '# none' > requirements.txt
printf '[submodule "colours"]\n\tpath = libraries/colours\n\turl = %address%\n' > .gitmodules
git add -A && git update-index --add --cacheinfo 160000,$inner,libraries/colours
git commit -q -m 'With %colour%' && git push -q -f ../../nested-shop.git main
)";

class Submodules : public PairTest {
protected:
  void SetUp() override {
    PairTest::SetUp();
    if (HasFatalFailure()) return;
    serving_ = primary();
    ASSERT_TRUE(pair().fetch(serving_, "/"));
    const auto key = lab().read_file("tre", "/root/.ssh/id_ed25519"); // the one that tre's git knows
    const auto host_key = lab().read_file("tre", "/etc/ssh/ssh_host_ed25519_key.pub");
    ASSERT_TRUE(key && host_key);
    for (const std::string host : {"uno", "duo"})
      ASSERT_OK(lab().write_file(host, "/etc/tandem/secrets/nested.key", *key, 0600));
    const auto words = split(trim(*host_key), ' ');
    publish("red");
    apply(
        shop_toml({.more = "[[site]]\ndomain = \"nested.test\"\nrepo = \"git@tre:nested-shop.git\"\nbranch = "
                           "\"main\"\ndeploy_key = \"secrets/nested.key\"\nrepo_host_keys = [\"tre " +
                           words[0] + " " + words[1] + "\"]\nowner = \"nikolays\"\nwsgi = \"nested:application\"\n"}));
  }

  void TearDown() override {
    apply(shop_toml());
    for (const std::string host : {"uno", "duo"})
      on(lab(), host,
         "systemctl stop 'tandem-site@nested*'; rm -rf /etc/nginx/sites-enabled/nested.test.conf /www/nested.test "
         "/www/.releases/nested.test /var/lib/tandem/sites/nested.test /var/lib/tandem/deploys/nested.test "
         "/etc/tandem/secrets/nested.key; nginx -t -q && systemctl reload nginx");
    ASSERT_OK(pair().tandem(serving_, {"files", "reconcile", "--allow-deletions"}));
  }

  static void publish(const std::string& colour, const std::string& address = "../nested-colours.git") {
    const auto script = replace_all(replace_all(publish_nested, "%colour%", colour), "%address%", address);
    const auto done = lab().run_checked("tre", {"sh", "-c", script}, {.user = "git"});
    ASSERT_TRUE(done) << done.error().message;
  }

  [[nodiscard]] std::string visit() const {
    return on(lab(), "tre",
              "curl -ksS --max-time 20 --resolve nested.test:443:" + address_of(serving_) + " https://nested.test/");
  }

  std::string serving_;
};

} // namespace

TEST_F(Submodules, OfAPrivateRepositoryAreFetchedWithItsKeyAndServedByBothServers) {
  ASSERT_OK(pair().tandem(serving_, {"deploy", "nested.test"}));
  EXPECT_EQ(visit(), "red");
  publish("blue");
  ASSERT_OK(pair().tandem(serving_, {"deploy", "nested.test"}));
  EXPECT_EQ(visit(), "blue");
  ASSERT_OK(pair().tandem(serving_, {"rollback", "nested.test"}));
  EXPECT_EQ(visit(), "red");
  EXPECT_TRUE(wait_until(
      [&] { return holds_on(lab(), other(serving_), "grep -q red /www/nested.test/libraries/colours/said.py"); },
      soon));

  // Neither another host than the pinned one, nor what lies on the server itself, nor another protocol.
  const std::map<std::string, std::string> refused{{"git@uno:nested-colours.git", "Host key verification failed"},
                                                   {"/etc/tandem", "names a repository of this machine"},
                                                   {"file:///etc/tandem", "names a repository of this machine"},
                                                   {"ext::touch /tmp/ran", "not allowed"}};
  for (const auto& [address, saying] : refused) {
    publish("green", address);
    const auto said = pair().try_tandem(serving_, {"deploy", "nested.test"});
    ASSERT_TRUE(said);
    EXPECT_NE(said->status, 0) << address;
    EXPECT_THAT(said->errors, HasSubstr(saying)) << address;
  }
  EXPECT_FALSE(holds_on(lab(), serving_, "test -e /tmp/ran"));
  EXPECT_EQ(visit(), "red");
}

} // namespace tandem::lab
