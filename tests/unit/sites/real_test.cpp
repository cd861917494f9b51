// Deploys with real git, virtualenv, pip and uWSGI, under visitors that ask all the time.
#include "real_site.hpp"
#include "sites/outlook.hpp"

namespace tandem::sites::real {

using ::testing::HasSubstr;

TEST_F(RealSite, NoVisitorSeesADeployABrokenOneOrARollback) {
  push("first");
  const auto first = deploy();
  ASSERT_TRUE(first) << first.error().message << "\n" << said;
  EXPECT_EQ(ask(), "first");
  Visitors visitors([this](const std::string& path) { return ask(path); }, "first second");

  push("second");
  const auto second = deploy();
  ASSERT_TRUE(second) << second.error().message << "\n" << said;
  EXPECT_THAT(second->warnings, ::testing::IsEmpty());
  EXPECT_EQ(ask(), "second");
  EXPECT_EQ(server.services->count(), 1U);

  push("third", "500 Broken");
  const auto third = deploy();
  ASSERT_FALSE(third);
  EXPECT_THAT(third.error().message, HasSubstr("it answers 500 to /"));
  EXPECT_EQ(ask(), "second");

  Shelf shelf(tools());
  const auto way = choose_rollback(*shelf.look(site.domain), "");
  ASSERT_TRUE(way) << way.error().message;
  const auto back = roll_back(tools(), site, *way, {}, [](const std::string&) {});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(ask(), "first");
  visitors.stop();
  EXPECT_THAT(visitors.bad, ::testing::IsEmpty());
  EXPECT_GT(visitors.asked, 100);
}

TEST_F(RealSite, AReleaseAndWhatItsStepsMakeBelongToTheSitesOwner) {
  push("first");
  const auto done = deploy();
  ASSERT_TRUE(done) << done.error().message << "\n" << said;
  const auto table = server.accounts.read();
  const auto step = server.files.status(server.layout.shared(site.domain, "media") + "/step");
  ASSERT_TRUE(step && *step) << "the step wrote through the link";
  EXPECT_EQ((*step)->uid, table->user(owner)->uid);
  EXPECT_EQ((*step)->gid, table->group("www-data")->gid);
  const auto socket = server.files.status(server.layout.socket(site.domain, done->release.id));
  ASSERT_TRUE(socket && *socket);
  EXPECT_EQ((*socket)->mode, 0600U) << "nginx alone comes in";
  EXPECT_EQ((*socket)->uid, table->user("www-data")->uid);
  EXPECT_EQ(*server.files.read(server.layout.site_link(site.domain) + "/app.py"),
            *server.files.read(server.root + "/repo/app.py"));
  EXPECT_FALSE(fs::exists(server.layout.site_link(site.domain) + "/.git"));
}

TEST_F(RealSite, WhatStepsBuildIsAlwaysThereAndWholeForVisitors) {
  // As collectstatic does: each file is deleted, then written piece by piece.
  const auto step = [](const std::string& letter, const std::string& then) {
    return fmt::format("python -c 'import os, time\nfor name in \"style.css\", \"sub/same.css\":\n"
                       "    path = \"static/\" + name\n    os.makedirs(os.path.dirname(path), exist_ok=True)\n"
                       "    os.path.exists(path) and os.remove(path)\n    time.sleep(0.1)\n"
                       "    with open(path, \"w\") as file:\n        for piece in range(100):\n"
                       "            file.write(\"{0}\" * 1000 if name == \"style.css\" else \"same\")\n"
                       "            file.flush()\n{1}'",
                       letter, then);
  };
  site.folders.push_back({.name = "static"});
  site.serve = {{"/static/", "static"}};
  site.deploy_steps = {step("a", "open(\"static/old.css\", \"w\").write(\"old\")")};
  push("first");
  const auto first = deploy();
  ASSERT_TRUE(first) << first.error().message << "\n" << said;
  const auto live = server.layout.site_link(site.domain) + "/static/";
  const auto content = [&](const std::string& name) { return server.files.read(live + name).value_or("none"); };
  const auto same = server.files.status(live + "sub/same.css").value()->modified_ns;
  ASSERT_EQ(content("style.css"), std::string(100'000, 'a'));
  Visitors visitors([&](const std::string& /*path*/) { return content("style.css"); },
                    std::string(100'000, 'a') + " " + std::string(100'000, 'b'));

  site.deploy_steps = {step("c", "raise SystemExit(1)")};
  ASSERT_FALSE(deploy());
  EXPECT_EQ(content("style.css"), std::string(100'000, 'a')) << "steps that fail have changed nothing";

  std::ofstream(live + "cache.css") << "by the site itself";
  site.deploy_steps = {step("b", "os.remove(\"static/old.css\")")};
  bool old_there = false;
  push("second");
  const auto second =
      sites::deploy(tools(), site, "", {.before_live = [&](const Release&) -> Result<void> {
                      old_there = content("old.css") == "old" && content("style.css") == std::string(100'000, 'b');
                      return {};
                    }},
                    [](const std::string&) {});
  visitors.stop();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(old_there) << "the old release may need it for as long as it serves";
  EXPECT_EQ(content("old.css"), "none");
  EXPECT_EQ(content("cache.css"), "by the site itself");
  EXPECT_EQ(server.files.status(live + "sub/same.css").value()->modified_ns, same);
  EXPECT_THAT(visitors.bad, ::testing::SizeIs(0));
  EXPECT_FALSE(fs::exists(server.layout.building(site.domain)));
}

TEST_F(RealSite, CodeThatDoesNotLoadIsToldAndServesNobody) {
  push("first");
  ASSERT_TRUE(deploy());
  push("'] syntax error [");
  const auto done = deploy();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("is not well"));
  EXPECT_EQ(ask(), "first");
}

TEST_F(RealSite, ABranchThatWasRewrittenAndOneThatIsGoneAreSeen) {
  push("first");
  ASSERT_TRUE(deploy());
  push("second");
  ASSERT_TRUE(git({"commit", "--quiet", "--amend", "--message=rewritten"}));
  const auto done = deploy();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(ask(), "second");
  site.branch = "gone";
  const auto gone = deploy();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::not_found);
}

TEST_F(RealSite, ADryRunTellsWhatWouldComeAndTouchesTheMirrorAlone) {
  const auto foresee = [&] { return look_ahead(tools(), site, "", [](const std::string&) {}); };
  const auto all = [&] {
    std::set<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(server.root + "/www"))
      if (entry.path().string().find("/repo.git") == std::string::npos) paths.insert(entry.path());
    return paths;
  };
  push("first");
  const auto done = deploy();
  ASSERT_TRUE(done) << done.error().message;
  const auto before = all();
  const auto same = foresee();
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->commit.hash, done->release.commit);
  EXPECT_EQ(same->environment, done->release.environment) << "the key that a deploy would come to";
  EXPECT_FALSE(same->builds_environment);
  EXPECT_THAT(same->comes, ::testing::IsEmpty());

  const auto repo = server.root + "/repo/";
  fs::create_directories(repo + "orders/migrations");
  std::ofstream(repo + "orders/migrations/0001_initial.py") << "# one\n";
  push("second \033[31m");
  std::ofstream(repo + "more.txt") << "# another\n";
  std::ofstream(repo + "requirements.txt") << "-r more.txt\n";
  ASSERT_TRUE(git({"add", "--all"}));
  ASSERT_TRUE(git({"commit", "--quiet", "--message=needs more"}));
  const auto next = foresee();
  ASSERT_TRUE(next) << next.error().message;
  ASSERT_EQ(next->comes.size(), 2U);
  EXPECT_THAT(next->comes[0], ::testing::EndsWith(" needs more"));
  EXPECT_THAT(next->comes[1], ::testing::EndsWith(" second ?[31m"));
  EXPECT_THAT(next->goes, ::testing::IsEmpty());
  EXPECT_TRUE(next->builds_environment);
  EXPECT_THAT(next->migrations, ::testing::ElementsAre("orders/migrations/0001_initial.py"));
  EXPECT_EQ(next->steps, site.deploy_steps);
  EXPECT_EQ(next->current->id, done->release.id);
  EXPECT_EQ(all(), before);
  EXPECT_EQ(ask(), "first");

  const auto built = deploy();
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(built->release.environment, next->environment);
  const auto back = look_ahead(tools(), site, done->release.commit, [](const std::string&) {});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->goes.size(), 2U);
  EXPECT_FALSE(back->builds_environment);
}

TEST_F(RealSite, SubmodulesAndTheirsAreInTheReleaseAtTheCommitsThatAreNamed) {
  const auto git_at = [&](const std::string& repository, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"git", "-C", server.root + "/" + repository, "-c", "user.name=Shop", "-c",
                                         "user.email=s@shop.test", "-c", "protocol.file.allow=always"});
    const auto done = run_checked(server.processes, {.arguments = arguments});
    EXPECT_TRUE(done) << done.error().message;
    return done ? std::string(trim(done->output)) : "";
  };
  const auto commit_file = [&](const std::string& repository, const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(server.root + "/" + repository + "/" + name).parent_path());
    std::ofstream(server.root + "/" + repository + "/" + name) << text;
    git_at(repository, {"add", "--all"});
    git_at(repository, {"commit", "--quiet", "--allow-empty", "--message=" + name});
  };
  for (const auto* name : {"/inner", "/colours"})
    fs::create_directories(server.root + name);
  for (const auto* name : {"inner", "colours"})
    git_at(name, {"init", "--quiet", "--initial-branch=main"});
  commit_file("inner", "migrations/0001_initial.py", "# one\n");
  commit_file("colours", "colours.txt", "red");
  git_at("colours", {"submodule", "--quiet", "add", "../inner", "deep/inner"});
  git_at("colours", {"commit", "--quiet", "--message=inner"});
  push("modules");
  git_at("repo", {"submodule", "--quiet", "add", "../colours", "libraries/colours"});
  git_at("repo", {"submodule", "--quiet", "update", "--init", "--recursive"});
  git_at("repo", {"commit", "--quiet", "--message=colours"});
  commit_file("colours", "colours.txt", "blue"); // which the shop does not name yet

  const auto foreseen = look_ahead(tools(), site, "", [](const std::string&) {});
  ASSERT_TRUE(foreseen) << foreseen.error().message;
  EXPECT_THAT(foreseen->migrations, ::testing::Contains("libraries/colours/deep/inner/migrations/0001_initial.py"));
  const auto first = deploy();
  ASSERT_TRUE(first) << first.error().message << "\n" << said;
  const auto folder = server.layout.site_link(site.domain) + "/libraries/colours";
  EXPECT_EQ(*server.files.read(folder + "/colours.txt"), "red");
  EXPECT_THAT(first->release.migrations,
              ::testing::Contains("libraries/colours/deep/inner/migrations/0001_initial.py"));
  EXPECT_FALSE(fs::exists(folder + "/.tandem-index"));
  EXPECT_EQ((*server.files.status(folder + "/deep/inner/migrations"))->uid, server.accounts.read()->user(owner)->uid);

  git_at("repo/libraries/colours", {"fetch", "--quiet"});
  git_at("repo/libraries/colours", {"checkout", "--quiet", "origin/main"});
  push("modules blue");
  ASSERT_TRUE(deploy()) << said;
  EXPECT_EQ(*server.files.read(folder + "/colours.txt"), "blue");

  // One that cannot be had stops the deploy before a visitor sees it.
  git_at("repo", {"config", "--file", ".gitmodules", "submodule.libraries/colours.url", "../nowhere"});
  push("modules gone");
  const auto gone = deploy();
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().message, HasSubstr("submodule libraries/colours/ from " + server.root + "/nowhere"));
  EXPECT_EQ(ask(), "modules blue");
  git_at("repo", {"rm", "--quiet", "-f", "libraries/colours"});
  git_at("repo", {"commit", "--quiet", "--message=without"});
}

} // namespace tandem::sites::real
