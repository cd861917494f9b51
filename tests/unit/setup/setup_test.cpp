#include "base/text.hpp"
#include "converge/plan.hpp"
#include "setup/setup.hpp"
#include "view_of.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tandem::setup {

using testing::view_of;

namespace {

model::Pair shops() {
  model::Pair pair;
  pair.name = "shops";
  pair.admin_mail = "ops@example.org";
  pair.host.timezone = "Europe/Moscow";
  pair.host.packages = {"less"};
  pair.servers = {{"uno", "192.0.2.11", "2001:db8::11", "10.0.0.1"}, {"duo", "192.0.2.12", {}, "192.0.2.12"}};
  pair.users = {{.name = "andrey",
                 .uid = 1000,
                 .groups = {"sudo"},
                 .sudo_nopasswd = true,
                 .ssh_keys = {"ssh-ed25519 AAAA andrey"}},
                {.name = "nikolays", .uid = 1001, .groups = {"www-data"}}};
  pair.database.settings = {{"shared_buffers", "256MB"}};
  model::Site site;
  site.domain = "janome.club";
  site.aliases = {"www.janome.club"};
  site.owner = "nikolays";
  site.serve = {{"/media/", "media"}, {"/static/", "static"}};
  site.basic_auth = model::SecretFile{"htpasswd", "/etc/tandem/htpasswd"};
  site.database = model::SiteDatabase{"sworld", "sworld", {"pg_trgm"}};
  pair.sites = {site};
  return pair;
}

// All files as one readable text: what a review of a change to the generated configuration looks at.
std::string files_of(const Resources& resources) {
  std::string text;
  for (const auto& resource : resources)
    if (const auto* file = std::get_if<converge::File>(&resource.kind))
      text += fmt::format("==== {} {:04o} {}:{}{}\n{}", file->path, file->mode, file->owner, file->group,
                          file->secret ? " (secret)" : "", file->content);
  return text;
}

// TANDEM_ACCEPT=1 writes what is made as the new golden file; review it as a diff.
void expect_golden(const std::string& name, const std::string& made) {
  const auto path = std::string(TANDEM_SOURCE_DIR) + "/tests/unit/setup/golden/" + name;
  if (std::getenv("TANDEM_ACCEPT") != nullptr) std::ofstream(path) << made;
  std::ostringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(golden.str(), made) << "accept with TANDEM_ACCEPT=1";
}

std::vector<std::string> ids_of(const Resources& resources) {
  std::vector<std::string> ids;
  for (const auto& resource : resources)
    ids.push_back(converge::id_of(resource.kind));
  return ids;
}

bool has(const Resources& resources, const std::string& id) {
  const auto ids = ids_of(resources);
  return std::ranges::find(ids, id) != ids.end();
}

} // namespace

TEST(Setup, GeneratedFilesAreAsReviewed) {
  const auto pair = shops();
  expect_golden("primary.txt", files_of(resources(view_of(pair, "uno"))));
  expect_golden("standby.txt", files_of(resources(view_of(pair, "duo"))));
}

TEST(Setup, ResourcesCanBeOrderedForEveryRole) {
  const auto pair = shops();
  for (const auto* server : {"uno", "duo"}) {
    const auto ordered = converge::in_order(resources(view_of(pair, server)));
    EXPECT_TRUE(ordered) << ordered.error().message;
  }
}

TEST(Setup, WithoutASiteNginxIsNotToldOfTheGatesVariables) {
  auto pair = shops();
  pair.sites.clear();
  EXPECT_EQ(files_of(resources(view_of(pair, "uno"))).find("map "), std::string::npos);
}

TEST(Setup, TheMarkerIsOnThePrimaryOnly) {
  const auto pair = shops();
  EXPECT_TRUE(has(resources(view_of(pair, "uno")), "file /primary_server"));
  EXPECT_TRUE(has(resources(view_of(pair, "duo")), "absent /primary_server"));
}

TEST(Setup, DatabasesAreMadeOnThePrimaryOnly) {
  const auto pair = shops();
  EXPECT_TRUE(has(resources(view_of(pair, "uno")), "database sworld"));
  EXPECT_FALSE(has(resources(view_of(pair, "duo")), "database sworld"));
}

TEST(Setup, NothingThatServesStartsAtBoot) {
  const auto pair = shops();
  for (const auto* server : {"uno", "duo"})
    for (const auto& resource : resources(view_of(pair, server)))
      if (const auto* unit = std::get_if<converge::Unit>(&resource.kind)) {
        EXPECT_FALSE(unit->enabled.value_or(false)) << unit->name;
      }
}

TEST(Setup, OnlyDebian12And13AreTaken) {
  EXPECT_EQ(release_of("ID=debian\nVERSION_ID=\"12\"\n")->postgres, 15);
  EXPECT_EQ(release_of("ID=debian\nVERSION_ID=\"13\"\n")->codename, "trixie");
  const auto other = release_of("PRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"\nID=debian\nVERSION_ID=\"11\"\n");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::refused);
  EXPECT_NE(other.error().message.find("Debian GNU/Linux 11"), std::string::npos);
}

TEST(Setup, UidsAreTheSameOnAllServersOrRefused) {
  model::Pair pair;
  pair.users = {{.name = "a"}, {.name = "b", .uid = 1000}, {.name = "c"}};
  system::AccountTable first;
  system::AccountTable second;
  first.users = {{"c", 1007, 1007, "", ""}};
  second.users = {{"other", 1001, 1001, "", ""}};
  const auto uids = assign_uids(pair, {first, second});
  ASSERT_TRUE(uids);
  EXPECT_EQ(*uids, (std::map<std::string, std::uint32_t>{{"a", 1002}, {"b", 1000}, {"c", 1007}}));
  second.users.push_back({"c", 1008, 1008, "", ""});
  EXPECT_EQ(assign_uids(pair, {first, second}).error().message,
            "user c has uid 1007 on one server and 1008 on another");
}

} // namespace tandem::setup
