// What was there before an apply comes back, whatever cut the apply or the way back off.
#include "bench.hpp"
#include "converge/give_back.hpp"

#include <gmock/gmock.h>

namespace tandem::converge {

namespace {

const Reaction reload{ReactionKind::reload, "nginx.service"};
const Reaction restart{ReactionKind::restart, "cache.service"};

// A server as somebody has set it up.
void set_up_by_hand(Bench& bench) {
  bench.notes_before = true;
  bench.packages.present = {{"nginx", "1.0"}};
  bench.files.put_folder("/etc/nginx");
  bench.files.put("/etc/nginx/nginx.conf", "by hand\n", 0640, {0, 33});
  bench.files.put("/etc/cache.conf", "64 MB\n", 0600, {7, 7});
  bench.files.put("/etc/old", "by hand\n");
  bench.files.put("/etc/same", "same\n", 0640, {5, 5});
  bench.files.put_link("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin");
  bench.services.put("nginx.service", "inactive", "disabled");
  bench.services.put("cache.service", "active", "enabled");
  bench.accounts.table.groups.push_back({"andrey", 1000, {}});
  bench.accounts.table.groups.push_back({"sudo", 27, {}});
  bench.accounts.table.users.push_back({"andrey", 1000, 1000, "/home/andrey", "/bin/sh", "!"});
}

std::vector<Resource> by_tandem() {
  return {
      {.kind =
           User{.name = "andrey", .uid = 1000, .primary_group = "andrey", .groups = {"sudo"}, .home = "/home/andrey"}},
      {.kind = Folder{.path = "/www", .mode = 02775}},
      {.kind = Folder{.path = "/www/.releases", .mode = 0755}},
      {.kind = File{.path = "/etc/nginx/nginx.conf", .content = "tandem\n", .check = FileCheck{{"nginx", "-t"}}},
       .reactions = {reload}},
      {.kind = File{.path = "/etc/nginx/gate.conf", .content = "gate\n", .check = FileCheck{{"nginx", "-t"}}},
       .reactions = {reload}},
      {.kind = File{.path = "/etc/cache.conf", .content = "32 MB\n"},
       .reactions = {restart, {ReactionKind::reload, "cache.service"}}},
      {.kind = File{.path = "/etc/same", .content = "same\n"}},
      {.kind = Link{"/etc/localtime", "/usr/share/zoneinfo/Europe/Moscow"}},
      {.kind = Absent{"/etc/old"}},
      {.kind = Unit{.name = "cache.service", .enabled = true, .running = true}},
      {.kind = Unit{.name = "nginx.service", .enabled = true, .running = true}}};
}

// All but tandem's own folder.
std::string picture(const Bench& bench) {
  std::string text;
  for (const auto& [path, entry] : bench.files.entries())
    if (!path.starts_with("/var/lib/tandem"))
      text += fmt::format("{} {:o} {}:{} {}{}\n", path, entry.status.mode, entry.status.uid, entry.status.gid,
                          entry.content, entry.status.target);
  for (const auto& [name, unit] : bench.services.units)
    text += fmt::format("{} {} {}\n", name, unit.active, unit.file);
  for (const auto& user : bench.accounts.table.users)
    text += fmt::format("{} {} {} {}\n", user.name, user.gid, user.shell, user.password);
  for (const auto& group : bench.accounts.table.groups)
    text += fmt::format("{}: {}\n", group.name, fmt::join(group.members, " "));
  return text;
}

Result<std::size_t> give_all_back(Bench& bench) {
  auto context = bench.context();
  return give_back(context, [](const Former& /*former*/) { return true; });
}

} // namespace

TEST(GiveBack, EverythingIsAsItWas) {
  Bench bench;
  set_up_by_hand(bench);
  const auto before = picture(bench);
  const auto applied = bench.apply_all(by_tandem());
  ASSERT_TRUE(applied) << applied.error().message;
  ASSERT_FALSE(applied->failed) << applied->error->message;
  EXPECT_NE(picture(bench), before);
  ASSERT_TRUE(bench.apply_all(by_tandem()));
  bench.services.calls.clear();
  const auto given = give_all_back(bench);
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(picture(bench), before);
  EXPECT_FALSE(bench.files.entries().contains("/var/lib/tandem/before.json"));
  EXPECT_THAT(bench.services.calls, ::testing::Contains("restart cache.service"));
  EXPECT_THAT(bench.services.calls, ::testing::Not(::testing::Contains("reload cache.service")));
}

TEST(GiveBack, WithoutAWishNothingIsNoted) {
  Bench bench;
  set_up_by_hand(bench);
  bench.notes_before = false;
  ASSERT_TRUE(bench.apply_all(by_tandem()));
  EXPECT_FALSE(bench.files.entries().contains("/var/lib/tandem/before.json"));
}

TEST(GiveBack, OnlyTheChoiceComesBackAndTheRestLater) {
  Bench bench;
  set_up_by_hand(bench);
  const auto before = picture(bench);
  ASSERT_TRUE(bench.apply_all(by_tandem()));
  const auto is_front = [](const Former& former) {
    const auto* path = std::get_if<PathBefore>(&former.thing);
    return path != nullptr && path->path.starts_with("/etc/nginx/");
  };
  auto context = bench.context();
  EXPECT_EQ(give_back(context, is_front), 2U);
  EXPECT_EQ(bench.files.content("/etc/nginx/nginx.conf"), "by hand\n");
  EXPECT_EQ(bench.files.content("/etc/cache.conf"), "32 MB\n");
  EXPECT_FALSE(*has_former(bench.files, "/var/lib/tandem", is_front));
  ASSERT_TRUE(give_all_back(bench));
  EXPECT_EQ(picture(bench), before);
}

TEST(GiveBack, WhatSomebodyEditedSinceIsKeptAndAFullFolderStays) {
  Bench bench;
  set_up_by_hand(bench);
  ASSERT_TRUE(bench.apply_all(by_tandem()));
  bench.files.put("/etc/nginx/gate.conf", "edited\n");
  bench.files.put("/etc/old", "a new one\n");
  bench.files.put("/www/.releases/photo", "x");
  ASSERT_TRUE(give_all_back(bench));
  EXPECT_FALSE(bench.files.entries().contains("/etc/nginx/gate.conf"));
  EXPECT_EQ(bench.files.content("/www/.releases/photo"), "x");
  const auto kept = std::ranges::count_if(bench.files.entries(), [](const auto& entry) {
    return entry.first.starts_with("/var/lib/tandem/kept/etc_nginx_gate.conf") && entry.second.content == "edited\n";
  });
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(bench.files.content("/etc/old"), "by hand\n");
  EXPECT_TRUE(std::ranges::any_of(bench.files.entries(), [](const auto& entry) {
    return entry.first.starts_with("/var/lib/tandem/kept/etc_old") && entry.second.content == "a new one\n";
  }));
}

TEST(GiveBack, CutOffAnywhereTheNextRunEndsIt) {
  int cuts = 0;
  for (bool cut = true; cut; ++cuts) {
    SCOPED_TRACE(fmt::format("cut after {} actions", cuts));
    Bench bench;
    set_up_by_hand(bench);
    const auto before = picture(bench);
    bench.power.cut_after = cuts;
    const auto applied = bench.apply_all(by_tandem());
    if (const bool whole = applied && !applied->failed; whole) {
      cut = !give_all_back(bench);
    }
    bench.power.cut_after.reset();
    const auto given = give_all_back(bench);
    ASSERT_TRUE(given) << given.error().message;
    ASSERT_EQ(picture(bench), before);
  }
  EXPECT_GT(cuts, 60);
}

TEST(GiveBack, ADatabaseAndARoleGetBackWhatTheyHad) {
  Bench bench;
  set_up_by_hand(bench);
  Before noted("/var/lib/tandem", true);
  bench.files.put_folder("/var/lib/tandem");
  ASSERT_TRUE(noted.note(bench.files, "database shop", DatabaseBefore{"shop", "andrey", true}));
  ASSERT_TRUE(noted.note(bench.files, "role replicator", RoleBefore{"replicator", true, false}));
  bench.databases.running = true;
  bench.databases.answer = [](const std::string& statement) {
    return statement.starts_with("SELECT 1") ? std::vector<system::Row>{{"1"}} : std::vector<system::Row>{};
  };
  ASSERT_TRUE(give_all_back(bench));
  EXPECT_THAT(bench.databases.statements,
              ::testing::IsSupersetOf({"ALTER ROLE \"replicator\" LOGIN NOREPLICATION",
                                       "ALTER DATABASE \"shop\" OWNER TO \"andrey\"",
                                       "GRANT CONNECT, TEMPORARY ON DATABASE \"shop\" TO PUBLIC"}));
}

TEST(GiveBack, ADatabaseThatIsNoMoreIsPassedOver) {
  Bench bench;
  bench.files.put_folder("/var/lib/tandem");
  Before noted("/var/lib/tandem", true);
  ASSERT_TRUE(noted.note(bench.files, "database shop", DatabaseBefore{"shop", "andrey", true}));
  bench.databases.running = true;
  ASSERT_TRUE(give_all_back(bench));
  EXPECT_THAT(bench.databases.statements, ::testing::Each(::testing::StartsWith("SELECT")));
}

TEST(GiveBack, ADamagedListIsSaidAndNothingDone) {
  Bench bench;
  bench.files.put_folder("/var/lib/tandem");
  for (const auto* text : {"", "{}", R"({"version":2,"things":[]})", R"({"version":1,"things":[{"id":"x"}]})",
                           R"({"version":1,"things":[{"id":"x","path":7,"reactions":[]}]})"}) {
    bench.files.put("/var/lib/tandem/before.json", text);
    const auto given = give_all_back(bench);
    ASSERT_FALSE(given) << text;
    EXPECT_THAT(given.error().message, ::testing::HasSubstr("before.json"));
  }
}

} // namespace tandem::converge
