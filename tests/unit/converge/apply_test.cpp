#include "bench.hpp"

#include <gmock/gmock.h>

namespace tandem::converge {

namespace {

const FileCheck nginx_check{{"nginx", "-t"}};

std::vector<Resource> a_web_server(const std::string& text = "worker 1\n") {
  const Reaction reload{ReactionKind::reload, "nginx.service"};
  return {
      {.kind = PackageSet{{"nginx", "less"}}, .why = "needed"},
      {.kind = Group{"andrey", 1000}, .why = "user"},
      {.kind =
           User{.name = "andrey", .uid = 1000, .primary_group = "andrey", .groups = {"root"}, .home = "/home/andrey"},
       .why = "user"},
      {.kind = Folder{"/www/shop", 0750, "andrey", "andrey"}, .why = "site"},
      {.kind = Certificate{.path = "/etc/shop.pem", .key_path = "/etc/shop.key", .names = {"shop", "www.shop"}}},
      {.kind = File{.path = "/etc/nginx/nginx.conf", .content = text, .check = nginx_check},
       .why = "nginx",
       .reactions = {reload}},
      {.kind = File{.path = "/etc/nginx/gate.conf", .content = "gate\n", .check = nginx_check},
       .why = "gate",
       .reactions = {reload}},
      {.kind = Link{"/etc/localtime", "/usr/share/zoneinfo/Europe/Moscow"}, .why = "zone"},
      {.kind = Absent{"/etc/old"}, .why = "old"},
      {.kind = Unit{.name = "nginx.service", .enabled = false, .running = true}, .why = "role"}};
}

} // namespace

TEST(Apply, MakesEverythingAndThenPlansNothing) {
  Bench bench;
  bench.files.put("/etc/old", "x");
  const auto applied = bench.apply_all(a_web_server());
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_FALSE(applied->failed) << applied->error->message;
  EXPECT_EQ(bench.files.content("/etc/nginx/nginx.conf"), "worker 1\n");
  EXPECT_EQ(bench.services.units["nginx.service"].file, "disabled");
  EXPECT_FALSE(bench.files.entries().contains("/etc/old"));
  const auto plan = bench.plan(a_web_server());
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->empty()) << to_text(*plan, "uno");
}

TEST(Apply, WhatAPackageWillBringIsAnnouncedAndRemoved) {
  Bench bench;
  const std::vector<Resource> resources{{.kind = PackageSet{{"nginx"}}, .why = "needed"},
                                        {.kind = Absent{.path = "/etc/nginx/default", .package = "nginx"}}};
  const auto plan = bench.plan(resources);
  ASSERT_TRUE(plan);
  EXPECT_THAT(to_text(*plan, "uno"),
              testing::HasSubstr("- absent /etc/nginx/default\n      nginx brings it; it is kept aside"));
  ASSERT_TRUE(bench.apply_all(resources));
  const auto after = bench.plan(resources);
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->empty()) << to_text(*after, "uno");
}

TEST(Apply, APlanWithNothingToDoStartsNoProgram) {
  Bench bench;
  ASSERT_TRUE(bench.apply_all(a_web_server()));
  bench.processes.ran.clear();
  ASSERT_TRUE(bench.plan(a_web_server()));
  ASSERT_TRUE(bench.apply_all(a_web_server()));
  EXPECT_TRUE(bench.processes.ran.empty());
}

TEST(Apply, CutOffAtAnyActionTheNextRunFinishesIncludingTheReload) {
  Bench whole;
  ASSERT_TRUE(whole.apply_all(a_web_server()));
  const int actions = whole.power.actions;
  ASSERT_GT(actions, 20);
  for (int cut = 0; cut < actions; ++cut) {
    Bench bench;
    bench.power.cut_after = cut;
    [[maybe_unused]] const auto first = bench.apply_all(a_web_server());
    bench.power.cut_after.reset();
    const auto second = bench.apply_all(a_web_server());
    ASSERT_TRUE(second) << "cut after " << cut << ": " << second.error().message;
    EXPECT_FALSE(second->failed) << "cut after " << cut << ": " << *second->failed << " " << second->error->message;
    const auto plan = bench.plan(a_web_server());
    ASSERT_TRUE(plan);
    EXPECT_TRUE(plan->empty()) << "cut after " << cut << "\n" << to_text(*plan, "uno");
    EXPECT_NE(std::ranges::find(bench.services.calls, "reload nginx.service"), bench.services.calls.end())
        << "cut after " << cut;
  }
}

TEST(Apply, BeforeAChangeNothingOfItIsDoneAndAfterItOnlyItsRecordIsMissing) {
  const std::string conf = "/etc/nginx/nginx.conf";
  Bench whole;
  ASSERT_TRUE(whole.apply_all(a_web_server()));
  const auto& ids = whole.halts.reached_by[Moment::before];
  EXPECT_EQ(ids, whole.halts.reached_by[Moment::after]);
  const auto nth = static_cast<std::size_t>(std::ranges::find(ids, "file " + conf) - ids.begin()) + 1;
  const std::string owed = R"("kind": "reload")";
  Bench before;
  EXPECT_EQ(before.apply_all(a_web_server(), {{Moment::before, nth}})->failed, "file " + conf);
  EXPECT_EQ(before.files.content(conf), "Debian's own\n");
  EXPECT_NE(before.files.content("/var/lib/tandem/converge.json").find(owed), std::string::npos);
  Bench after;
  EXPECT_EQ(after.apply_all(a_web_server(), {{Moment::after, nth}})->failed, "file " + conf);
  EXPECT_EQ(after.files.content(conf), "worker 1\n") << "a cut puts nothing back";
  Ledger ledger("/var/lib/tandem/converge.json");
  ASSERT_TRUE(ledger.load(after.files));
  EXPECT_TRUE(ledger.is_open(conf));
  ASSERT_TRUE(after.apply_all(a_web_server()));
  ASSERT_TRUE(ledger.load(after.files));
  EXPECT_FALSE(ledger.is_open(conf)) << "the next run makes up for the record";
}

TEST(Apply, AServiceIsToldOfAChangeAtWhichTheRunWasCutOff) {
  const std::vector<Resource> resources{
      {.kind = Link{"/etc/app", "/srv/app"}, .reactions = {{ReactionKind::reload, "app.service"}}}};
  for (const auto moment : {Moment::before, Moment::after}) {
    Bench bench;
    bench.services.put("app.service", "active", "enabled");
    EXPECT_TRUE(bench.apply_all(resources, {{moment, 1}})->failed);
    EXPECT_EQ(bench.files.entries().contains("/etc/app"), moment == Moment::after);
    EXPECT_TRUE(bench.services.calls.empty());
    ASSERT_TRUE(bench.apply_all(resources));
    EXPECT_EQ(bench.services.calls, std::vector<std::string>{"reload app.service"});
    EXPECT_TRUE(bench.plan(resources)->empty());
  }
}

TEST(Apply, AReloadThatWasCutOffBeforeItsRecordIsDoneAgain) {
  Bench whole;
  ASSERT_TRUE(whole.apply_all(a_web_server()));
  const auto& ids = whole.halts.reached_by[Moment::after];
  const auto nth = static_cast<std::size_t>(std::ranges::find(ids, "reload nginx.service") - ids.begin()) + 1;
  ASSERT_LE(nth, ids.size());
  Bench bench;
  EXPECT_EQ(bench.apply_all(a_web_server(), {{Moment::after, nth}})->error->message, "cut off at reload nginx.service");
  EXPECT_EQ(std::ranges::count(bench.services.calls, "reload nginx.service"), 1);
  ASSERT_TRUE(bench.apply_all(a_web_server()));
  EXPECT_EQ(std::ranges::count(bench.services.calls, "reload nginx.service"), 2);
  EXPECT_TRUE(bench.plan(a_web_server())->empty());
}

// The file is as it should be, so that nothing differs any more; but its program has never seen it.
TEST(Apply, AFileThatWasWrittenByARunCutOffBeforeItsCheckIsCheckedByTheNext) {
  Bench bench;
  ASSERT_TRUE(bench.apply_all(a_web_server()));
  EXPECT_TRUE(bench.apply_all(a_web_server("broken\n"), {{Moment::after, 1}})->failed);
  EXPECT_EQ(bench.files.content("/etc/nginx/nginx.conf"), "broken\n");
  for (int run = 0; run < 2; ++run) {
    const auto next = bench.apply_all(a_web_server("broken\n"));
    ASSERT_TRUE(next && next->failed) << run;
    EXPECT_EQ(next->failed, "file /etc/nginx/nginx.conf") << run;
    EXPECT_NE(next->error->message.find("unknown directive"), std::string::npos);
    EXPECT_EQ(std::ranges::count(bench.services.calls, "reload nginx.service"), 1) << "only the very first apply's";
  }
  const auto mended = bench.apply_all(a_web_server("worker 2\n"));
  EXPECT_FALSE(mended->failed) << mended->error->message;
  bench.processes.ran.clear();
  ASSERT_TRUE(bench.apply_all(a_web_server("worker 2\n")));
  EXPECT_TRUE(bench.processes.ran.empty()) << "what was accepted is not checked again";
}

TEST(Apply, AFileThatItsProgramRefusesIsPutBackAndTheRestIsNotStarted) {
  Bench bench;
  ASSERT_TRUE(bench.apply_all(a_web_server()));
  auto resources = a_web_server("broken\n");
  resources.push_back({.kind = Folder{.path = "/www/later"}, .why = "later"});
  const auto applied = bench.apply_all(resources);
  ASSERT_TRUE(applied);
  EXPECT_EQ(applied->failed, "file /etc/nginx/nginx.conf");
  EXPECT_NE(applied->error->message.find("unknown directive"), std::string::npos);
  EXPECT_EQ(applied->not_started, (std::vector<std::string>{"folder /www/later"}));
  EXPECT_EQ(bench.files.content("/etc/nginx/nginx.conf"), "worker 1\n");
}

TEST(Apply, AnEditedFileIsShownAndKeptBeforeItIsWrittenAgain) {
  Bench bench;
  ASSERT_TRUE(bench.apply_all(a_web_server()));
  bench.files.put("/etc/nginx/nginx.conf", "worker 1\nmy own line\n");
  const auto plan = bench.plan(a_web_server());
  ASSERT_TRUE(plan);
  ASSERT_FALSE(plan->empty());
  EXPECT_TRUE(plan->changes[0].edited_by_hand);
  EXPECT_NE(to_text(*plan, "uno").find("- my own line"), std::string::npos);
  ASSERT_TRUE(bench.apply_all(a_web_server()));
  EXPECT_EQ(bench.files.content("/etc/nginx/nginx.conf"), "worker 1\n");
  const auto kept = bench.files.list("/var/lib/tandem/kept").value();
  const auto edited = std::ranges::find_if(kept, [&](const auto& name) {
    return bench.files.content("/var/lib/tandem/kept/" + name).contains("my own line");
  });
  EXPECT_NE(edited, kept.end());
}

TEST(Apply, DebiansOwnFileIsKeptToo) {
  Bench bench;
  ASSERT_TRUE(bench.apply_all(a_web_server()));
  const auto kept = bench.files.list("/var/lib/tandem/kept").value();
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(bench.files.content("/var/lib/tandem/kept/" + kept[0]), "Debian's own\n");
}

TEST(Apply, WhatIsChangedByHandAppearsWithItsReason) {
  Bench bench;
  ASSERT_TRUE(bench.apply_all(a_web_server()));
  ASSERT_TRUE(bench.files.set_mode("/www/shop", 0777));
  bench.services.units["nginx.service"].active = "inactive";
  bench.packages.present.erase("less");
  const auto plan = bench.plan(a_web_server());
  ASSERT_TRUE(plan);
  EXPECT_EQ(to_text(*plan, "uno"),
            "uno: 1 to create, 2 to change, 0 to remove, 0 reloads to run (10 resources compared)\n"
            "  + packages   (needed)\n"
            "      install less\n"
            "  ~ folder /www/shop   (site)\n"
            "      mode 0777 -> 0750\n"
            "  ~ unit nginx.service   (role)\n"
            "      is inactive; it should run\n");
}

TEST(Apply, AUidThatIsTakenIsRefusedBeforeAnythingChanges) {
  Bench bench;
  bench.accounts.table.users.push_back({"somebody", 1000, 0, "/", "/bin/sh"});
  const auto applied = bench.apply_all(a_web_server());
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().kind, ErrorKind::refused);
  EXPECT_EQ(applied.error().message, "uid 1000 of user andrey is taken by user somebody");
  EXPECT_TRUE(bench.packages.present.empty());
}

TEST(Apply, DatabaseContentsWaitForTheServerInAPlan) {
  Bench bench;
  const std::vector<Resource> resources{{.kind = DatabaseRole{.name = "shop"}, .why = "site"}};
  const auto before = bench.plan(resources);
  ASSERT_TRUE(before);
  EXPECT_TRUE(before->changes.at(0).later);
  bench.databases.running = true;
  bool made = false;
  bench.databases.answer = [&](const std::string& statement) {
    if (statement.starts_with("CREATE ROLE")) made = true;
    if (statement.starts_with("SELECT") && made) return std::vector<system::Row>{{"t", "f"}};
    return std::vector<system::Row>{};
  };
  const auto applied = bench.apply_all(resources);
  ASSERT_TRUE(applied);
  EXPECT_FALSE(applied->failed) << applied->error->message;
  EXPECT_TRUE(made);
  EXPECT_TRUE(bench.plan(resources)->empty());
}

TEST(Apply, NobodyButItsOwnerComesIntoADatabase) {
  Bench bench;
  bench.databases.running = true;
  const std::vector<Resource> resources{{.kind = Database{"shop", "anna", {}}, .why = "site"}};
  bool made = false;
  bool open = true; // as PostgreSQL makes each
  bench.databases.answer = [&](const std::string& statement) {
    if (statement.starts_with("CREATE DATABASE \"shop\" OWNER \"anna\"")) made = true;
    if (statement == "REVOKE CONNECT, TEMPORARY ON DATABASE \"shop\" FROM PUBLIC") open = false;
    if (!statement.starts_with("SELECT") || !made) return std::vector<system::Row>{};
    return std::vector<system::Row>{{"anna", open ? "t" : "f"}};
  };
  ASSERT_TRUE(bench.apply_all(resources));
  EXPECT_FALSE(open);
  EXPECT_TRUE(bench.plan(resources)->empty());

  open = true;
  const auto plan = bench.plan(resources);
  ASSERT_TRUE(plan);
  EXPECT_EQ(to_text(*plan, "uno"),
            "uno: 0 to create, 1 to change, 0 to remove, 0 reloads to run (1 resource compared)\n"
            "  ~ database shop   (site)\n"
            "      only its owner, and whom it was granted to, may connect\n");
  ASSERT_TRUE(bench.apply_all(resources));
  EXPECT_FALSE(open);
}

TEST(Order, ResourcesComeAfterWhatTheyNeedAndOtherwiseInTheListsOrder) {
  const auto sorted = in_order({{.kind = Folder{.path = "/a"}, .after = {"folder /c"}},
                                {.kind = Folder{.path = "/b"}},
                                {.kind = Folder{.path = "/c"}}});
  ASSERT_TRUE(sorted);
  std::vector<std::string> ids;
  for (const auto& resource : *sorted)
    ids.push_back(id_of(resource.kind));
  EXPECT_EQ(ids, (std::vector<std::string>{"folder /c", "folder /a", "folder /b"}));
}

TEST(Order, CirclesMissingNeedsAndDoublesAreErrors) {
  EXPECT_EQ(in_order({{.kind = Folder{.path = "/a"}, .after = {"folder /b"}},
                      {.kind = Folder{.path = "/b"}, .after = {"folder /a"}}})
                .error()
                .message,
            "folder /a depends on itself");
  EXPECT_EQ(in_order({{.kind = Folder{.path = "/a"}, .after = {"user x"}}}).error().message,
            "folder /a comes after user x, which nothing makes");
  EXPECT_EQ(in_order({{.kind = Folder{.path = "/a"}}, {.kind = Folder{.path = "/a"}}}).error().message,
            "folder /a is asked for twice");
}

TEST(Apply, APasswordIsSetOnceAndAgainOnlyWhenSomebodyChangedIt) {
  Bench bench;
  const std::vector<Resource> user{
      {.kind =
           User{.name = "import1c", .uid = 1002, .primary_group = "root", .home = "/home/i", .password = "a word"}}};
  const auto count = [&] { return bench.apply_all(user)->done.size(); };
  EXPECT_EQ(count(), 1U);
  EXPECT_EQ(count(), 0U) << "it is the same still, under whatever salt";
  for (const auto* other : {"$6$salt$hash", "!", "$y$j9T$salt$hash"}) {
    bench.accounts.table.users.back().password = other;
    const auto plan = plan_only(user, bench.ports, bench.issuer);
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(to_text(*plan, "uno").find("a word"), std::string::npos);
    EXPECT_EQ(count(), 1U) << other;
  }
}

} // namespace tandem::converge
