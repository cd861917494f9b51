// `tandem apply` on bad days: killed again and again, each time at a resource further on, and servers that were changed
// by hand.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

using testing::HasSubstr;

namespace {

// The resource that a line of an apply's progress names; empty for any other line: "uno: folder /www: 0755 root:root".
std::string resource_in(const std::string& line) {
  constexpr std::string_view self = "uno: ";
  const auto at = line.rfind(self);
  if (at == std::string::npos) return {};
  const auto rest = line.substr(at + self.size());
  if (rest.empty() || rest.starts_with(' ')) return {}; // what apt says, or more about the resource above
  static const std::set<std::string> kinds{"packages:", "group", "user",        "folder",   "file",
                                           "link",      "unit",  "certificate", "database", "replication"};
  return kinds.contains(split(rest, ' ').front()) ? rest.substr(0, rest.find(": ")) : std::string();
}

} // namespace

TEST(Apply, KilledAgainAndAgainIsFinishedByTheNextOne) {
  OwnLab lab;
  ASSERT_TRUE(lab.ok());
  ShopPair pair(*lab, goods(), show);
  ASSERT_OK(pair.install("uno"));
  ASSERT_OK(pair.write_toml("uno", shop_toml({.two_servers = false})));
  ASSERT_OK(pair.init());
  std::set<std::string> killed_at;
  for (;;) {
    bool killed = false;
    const auto hear = [&](std::string_view line) {
      const auto resource = resource_in(std::string(line));
      if (killed || resource.empty() || !killed_at.insert(resource).second) return;
      killed = true;
      show("killing the agent at " + resource);
      EXPECT_TRUE(lab->run("uno", {"systemctl", "kill", "--signal=KILL", "--kill-whom=main", "tandem"}));
    };
    const auto applied = lab->run("uno", {"tandem", "apply"}, {.on_line = hear});
    ASSERT_TRUE(applied) << describe(applied.error());
    if (!killed) {
      EXPECT_TRUE(applied->ok()) << applied->errors;
      break;
    }
    ASSERT_TRUE(wait_until([&] { return holds_on(*lab, "uno", "tandem status"); }, soon)) << "the agent stays away";
  }
  EXPECT_GT(killed_at.size(), 5U) << "it was hardly killed";
  const auto plan = pair.tandem("uno", {"plan"});
  ASSERT_OK(plan);
  EXPECT_THAT(*plan, HasSubstr("no changes"));
  ASSERT_OK(pair.publish_shop());
  ASSERT_OK(pair.tandem("uno", {"deploy", shop_domain}));
  EXPECT_TRUE(pair.fetch("uno", "/"));
}

class Drift : public PairTest {};

TEST_F(Drift, WhateverIsChangedByHandStandsInThePlanAndApplyMendsIt) {
  const auto server = other(primary());
  const std::string settings = "/etc/postgresql/15/main/conf.d/50-tandem.conf";
  on(lab(), server, "chmod 0666 /etc/nginx/tandem/http.conf");
  on(lab(), server, "rm /etc/systemd/system/tandem-site@.service");
  on(lab(), server, "echo '# by hand' >> " + settings);
  on(lab(), server, "gpasswd -d andrey sudo");
  on(lab(), server, "systemctl stop nginx");
  const auto plan = pair().tandem("uno", {"plan"});
  ASSERT_OK(plan);
  for (const auto* changed : {"/etc/nginx/tandem/http.conf", "/etc/systemd/system/tandem-site@.service", "# by hand",
                              "user andrey", "nginx.service"})
    EXPECT_THAT(*plan, HasSubstr(changed));
  ASSERT_OK(pair().tandem("uno", {"apply"}));
  const auto after = pair().tandem("uno", {"plan"});
  ASSERT_OK(after);
  EXPECT_THAT(*after, HasSubstr("no changes"));
  EXPECT_THAT(on(lab(), server, "cat /var/lib/tandem/kept/*50-tandem.conf*"), HasSubstr("# by hand"))
      << "what a person wrote is kept";
  EXPECT_NE(wait_until_whole(), "");
}

} // namespace tandem::lab
