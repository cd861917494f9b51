// Which dumps there are and which go, what a disk must have for them, what copies may be called, and that a dump which
// is cut off anywhere looks like none.
#include "sites/dumps.hpp"
#include "sites/site_database.hpp"
#include "world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::sites {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

constexpr auto* some_release = "20261127011458-85e57f8";

Dump dump_at(const std::string& id) {
  return {.id = id, .release = some_release};
}

std::chrono::system_clock::time_point moment(const std::string& id) {
  return *dump_moment(id);
}

std::vector<std::string> ids(const std::vector<Dump>& dumps) {
  std::vector<std::string> all;
  for (const auto& dump : dumps)
    all.push_back(dump.id);
  return all;
}

// A PostgreSQL with a shop of 1 GB, whose pg_dump writes its file in two halves.
class ShopDatabase final : public system::Databases {
public:
  Result<std::vector<system::Row>> query(const std::string& /*database*/, const std::string& statement,
                                         const std::vector<std::string>& /*parameters*/) override {
    if (statement.find("pg_database_size") != std::string::npos) return std::vector<system::Row>{{"1000000000"}};
    return std::vector<system::Row>{};
  }
};

// Its two databases change their names as the statements say, although whoever asked for it hears of a failure.
class RenamedInSecret final : public system::Databases, public system::Processes {
public:
  Result<std::vector<system::Row>> query(const std::string& /*database*/, const std::string& statement,
                                         const std::vector<std::string>& parameters) override {
    if (statement.find("datconnlimit") != std::string::npos) return std::vector<system::Row>{{"-1"}};
    if (statement.find("oid::text") == std::string::npos) return failed("that is not asked here");
    const auto found = names.find(parameters.at(0));
    if (found == names.end()) return std::vector<system::Row>{};
    return std::vector<system::Row>{{found->second}};
  }

  Result<system::Outcome> run(const system::Command& /*command*/, const system::LineSink& /*on_line*/) override {
    ++attempts;
    if (commits && attempts == 1) names = {{"shop", "200"}, {"before", "100"}};
    return system::Outcome{.status = 2, .timed_out = false, .output = "", .errors = "the connection was lost"};
  }

  bool commits = true;
  int attempts = 0;
  std::map<std::string, std::string> names{{"shop", "100"}, {"tandem_unfinished", "200"}};
};

class Dumper final : public system::Processes {
public:
  explicit Dumper(MemoryFiles& files) : files_(files) {}

  Result<system::Outcome> run(const system::Command& command, const system::LineSink& /*on_line*/) override {
    ran.push_back(command);
    for (const auto& argument : command.arguments)
      if (argument.starts_with("--file=")) {
        TANDEM_CHECK(files_.write(argument.substr(7), "half", 0644, {}));
        if (fails) return system::Outcome{.status = 1, .timed_out = false, .output = "", .errors = "it has no room"};
        TANDEM_CHECK(files_.write(argument.substr(7), "half and half", 0644, {}));
      }
    return system::Outcome{};
  }

  bool fails = false;
  std::vector<system::Command> ran;

private:
  MemoryFiles& files_;
};

class SmallDisk final : public system::Files {
public:
  explicit SmallDisk(MemoryFiles& files) : files_(files) {}

  Result<std::optional<system::FileStatus>> status(const std::string& path) override { return files_.status(path); }

  Result<std::string> read(const std::string& path) override { return files_.read(path); }

  Result<std::vector<std::string>> list(const std::string& path) override { return files_.list(path); }

  Result<void> write(const std::string& path, const std::string& content, std::uint32_t mode,
                     system::Ownership owner) override {
    return files_.write(path, content, mode, owner);
  }

  Result<void> append(const std::string& path, const std::string& content) override {
    return files_.append(path, content);
  }

  Result<void> make_folder(const std::string& path, std::uint32_t mode, system::Ownership owner) override {
    return files_.make_folder(path, mode, owner);
  }

  Result<void> make_link(const std::string& path, const std::string& target) override {
    return files_.make_link(path, target);
  }

  Result<void> set_mode(const std::string& path, std::uint32_t mode) override { return files_.set_mode(path, mode); }

  Result<void> set_owner(const std::string& path, system::Ownership owner) override {
    return files_.set_owner(path, owner);
  }

  Result<void> rename(const std::string& from, const std::string& to) override { return files_.rename(from, to); }

  Result<void> remove(const std::string& path) override { return files_.remove(path); }

  Result<void> remove_tree(const std::string& path) override { return files_.remove_tree(path); }

  Result<system::Room> room(const std::string& /*path*/) override { return system::Room{.free = free}; }

  std::uint64_t free = 5'000'000'000;

private:
  MemoryFiles& files_;
};

struct DumpingServer {
  DumpingServer() {
    world.site.database = model::SiteDatabase{"shop", "nikolays", {}};
    for (const auto* folder : {"/var", "/var/lib", "/var/lib/tandem"})
      world.files.nodes[folder] = {system::FileType::folder, 0700, {}, {}};
  }

  SiteDatabase database() {
    return {{.ports = {disk, dumper, world.services, world.packages, world.accounts, postgres, world.clock},
             .postgres = system::postgres_layout(15)},
            world.site};
  }

  Result<Dump> dump() {
    return database().dump(some_release, [](const std::string& /*line*/) {});
  }

  World world;
  SmallDisk disk{world.files};
  Dumper dumper{world.files};
  ShopDatabase postgres;
};

} // namespace

TEST(DumpRules, AFilesNameSaysWhenAndBeforeWhichRelease) {
  const auto dump = dump_at("20261127011500");
  EXPECT_EQ(dump_file(dump), "20261127011500-before-20261127011458-85e57f8.dump");
  EXPECT_EQ(dump_of_file(dump_file(dump)), dump);
  EXPECT_EQ(dump_id(moment("20261127011500")), "20261127011500");
  for (const auto* none : {"20261127011500-before-20261127011458-85e57f8.dump.unfinished", "copy.unfinished", "x.dump",
                           "20261327011500-before-20261127011458-85e57f8.dump", "20261127011500.dump",
                           "20261127011500-before-yesterday.dump", ""})
    EXPECT_FALSE(dump_of_file(none)) << none;
  EXPECT_TRUE(is_unfinished_file(unfinished_file(dump_file(dump))));
}

TEST(DumpRules, GoAfterAWeekButForTheNewest) {
  const std::vector<Dump> all{dump_at("20261101000000"), dump_at("20261120120000"), dump_at("20261120120001"),
                              dump_at("20261127000000")};
  EXPECT_THAT(ids(dumps_to_remove(all, moment("20261127120000"))), ElementsAre("20261101000000"));
  EXPECT_THAT(ids(dumps_to_remove(all, moment("20261127120001"))), ElementsAre("20261101000000", "20261120120000"));
  EXPECT_THAT(ids(dumps_to_remove(all, moment("20270101000000"))),
              ElementsAre("20261101000000", "20261120120000", "20261120120001"));
  EXPECT_THAT(dumps_to_remove({}, moment("20270101000000")), IsEmpty());
}

TEST(DumpRules, AreChosenByTheirMomentOrName) {
  const std::vector<Dump> all{dump_at("20261101000000"), dump_at("20261120120000")};
  EXPECT_EQ(choose_dump(all, "20261120120000")->id, "20261120120000");
  EXPECT_EQ(choose_dump(all, dump_file(all[0]))->id, "20261101000000");
  const auto none = choose_dump(all, "2026112012000");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::not_found);
  EXPECT_THAT(none.error().message, HasSubstr("20261101000000, 20261120120000"));
  EXPECT_THAT(choose_dump({}, "x").error().message, HasSubstr("there is none on this server"));
}

TEST(DumpRules, NeedRoomAndSayHowMuch) {
  EXPECT_EQ(dump_room(1000, std::nullopt), 1000U);
  EXPECT_EQ(dump_room(1000, 100), 200U);
  EXPECT_EQ(dump_room(1000, 900), 1000U) << "never more than the database itself";
  EXPECT_EQ(database_room(1000), 1250U);
  EXPECT_TRUE(check_room("it", "/var", 1000, spare_room + 1000));
  const auto refused = check_room("the dump of shop", "/var", 1000, spare_room + 999);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("the dump of shop may take 1.0 kB in /var, where 268 MB are free"));
  EXPECT_FALSE(check_room("it", "/var", 0, spare_room - 1));
  EXPECT_FALSE(check_room("it", "/var", ~std::uint64_t{0}, spare_room + 1)) << "it must not wrap";
}

TEST(DumpRules, ADatabaseFromBeforeFitsIntoAName) {
  EXPECT_EQ(former_name("shop", "20261127011500"), "shop_before_restore_20261127011500");
  EXPECT_EQ(former_name(std::string(63, 'x'), "20261127011500").size(), 63U);
}

TEST(DumpRules, ACopyCannotBeCalledAnything) {
  for (const auto* name : {"shop_dev", "a", "s2"})
    EXPECT_TRUE(check_copy_name(name)) << name;
  for (const std::string name : {"", "Shop", "shop dev", "2shop", "shop\"; drop database shop; --", "template1",
                                 "postgres", "tandem_unfinished", "shop_before_restore_20261127011500"})
    EXPECT_FALSE(check_copy_name(name)) << name;
  EXPECT_FALSE(check_copy_name(std::string(64, 'x')));
}

TEST(DumpRules, SizesAndAgesAreReadable) {
  EXPECT_EQ(size_text(300), "0.3 kB");
  EXPECT_EQ(size_text(1'400'000'000), "1.4 GB");
  EXPECT_EQ(size_text(250'000'000), "250 MB");
  EXPECT_EQ(age_text(std::chrono::seconds(59)), "59 s");
  EXPECT_EQ(age_text(std::chrono::minutes(185)), "3 h 5 min");
  EXPECT_EQ(age_text(std::chrono::hours(49)), "2 d 1 h");
}

TEST(DumpRules, AWholeOneIsRootsAloneAndListed) {
  DumpingServer server;
  const auto dump = server.dump();
  ASSERT_TRUE(dump) << dump.error().message;
  EXPECT_EQ(dump->release, some_release);
  EXPECT_EQ(dump->size, 13U);
  EXPECT_THAT(*server.database().dumps(), ElementsAre(*dump));
  const auto& node = server.world.files.nodes.at(server.database().folder() + "/" + dump_file(*dump));
  EXPECT_EQ(node.mode, 0600U);
  const auto second = server.dump();
  ASSERT_TRUE(second);
  EXPECT_GT(second->id, dump->id) << "two in one second";
}

TEST(DumpRules, OneThatFailsOrFindsNoRoomLeavesNothing) {
  DumpingServer server;
  server.dumper.fails = true;
  const auto failed = server.dump();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("it has no room"));
  EXPECT_THAT(*server.world.files.list(server.database().folder()), IsEmpty());
  server.dumper.fails = false;
  server.dumper.ran.clear();
  server.disk.free = 1'200'000'000;
  const auto refused = server.dump();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::refused);
  EXPECT_THAT(server.dumper.ran, IsEmpty());
}

TEST(DumpRules, OneThatIsCutOffAnywhereLooksLikeNone) {
  for (int changes = 0;; ++changes) {
    DumpingServer server;
    server.world.power.cut_after(changes);
    bool whole = true;
    try {
      ASSERT_TRUE(server.dump());
    } catch (const PowerCut&) {
      whole = false;
    }
    server.world.power.restore();
    const auto dumps = server.database().dumps();
    ASSERT_TRUE(dumps);
    for (const auto& dump : *dumps)
      EXPECT_EQ(server.world.files.nodes.at(server.database().folder() + "/" + dump_file(dump)).content,
                "half and half")
          << "cut after " << changes;
    ASSERT_TRUE(server.database().tidy([](const std::string& /*line*/) {}));
    const auto left = server.world.files.list(server.database().folder());
    for (const auto& name : left ? *left : std::vector<std::string>())
      EXPECT_TRUE(dump_of_file(name)) << name;
    if (whole) break;
  }
}

TEST(DumpRules, ComeBeforeTheStepsAndEndADeployThatCannotHaveOne) {
  World world;
  world.push('a');
  std::vector<std::size_t> ran_before;
  world.peers.before_steps = [&](const Release& /*release*/) -> Result<void> {
    for (const auto& command : world.processes.ran)
      for (const auto& argument : command.arguments)
        EXPECT_EQ(argument.find("migrate"), std::string::npos) << "a step ran before the dump";
    ran_before.push_back(world.processes.ran.size());
    return ran_before.size() == 1 ? fail(ErrorKind::refused, "no room") : Result<void>();
  };
  const auto refused = world.deploy();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "no room");
  EXPECT_THAT(world.releases(), IsEmpty());
  world.processes.ran.clear();
  EXPECT_TRUE(world.deploy());
  EXPECT_EQ(ran_before.size(), 2U);
  world.site.deploy_steps.clear();
  EXPECT_TRUE(world.deploy());
  EXPECT_EQ(ran_before.size(), 2U) << "nothing is going to change the database";
}

TEST(Swap, OneThatWasCommittedIsDoneAlthoughItsAnswerWasLost) {
  DumpingServer server;
  RenamedInSecret postgres;
  SiteDatabase database({.ports = {server.disk, postgres, server.world.services, server.world.packages,
                                   server.world.accounts, postgres, server.world.clock},
                         .postgres = system::postgres_layout(15)},
                        server.world.site);
  const auto done = database.swap_in("before");
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(postgres.attempts, 1);
}

TEST(Swap, OneThatWasNotCommittedFailsAfterSomeAttempts) {
  DumpingServer server;
  RenamedInSecret postgres;
  postgres.commits = false;
  SiteDatabase database({.ports = {server.disk, postgres, server.world.services, server.world.packages,
                                   server.world.accounts, postgres, server.world.clock},
                         .postgres = system::postgres_layout(15)},
                        server.world.site);
  EXPECT_FALSE(database.swap_in("before"));
  EXPECT_EQ(postgres.attempts, 5);
}

} // namespace tandem::sites
