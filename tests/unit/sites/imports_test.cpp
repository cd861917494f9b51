// Uploads of an import: which are taken, what a run came to, and that each is imported once whatever is cut off where.
#include "base/text.hpp"
#include "sites/import_spool.hpp"
#include "world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::sites {

using testing::HasSubstr;

namespace {

constexpr auto* inbox = "/home/import1c/import";
constexpr auto* upload_spool = "/var/spool/tandem/imports/shop.test";

template <class T>
void went_well(const Result<T>& result) {
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
}

class FakeUploads final : public system::Uploads {
public:
  explicit FakeUploads(MemoryFiles& files) : files_(files) {}

  Result<bool> is_being_written(const std::string& path) override { return written.contains(path); }

  // Between two file systems it is renamed twice here, too.
  Result<void> move(const std::string& from, const std::string& aside, const std::string& to) override {
    if (between_two && from != aside) TANDEM_CHECK(files_.rename(from, aside));
    return files_.rename(between_two ? aside : from, to);
  }

  Result<std::string> read_part(const std::string& path, std::uint64_t offset, std::size_t most) override {
    TANDEM_TRY(const auto content, files_.read(path));
    return content.substr(offset, most);
  }

  std::set<std::string> written;
  bool between_two = false;

private:
  MemoryFiles& files_;
};

// A server with a spool, and a systemd that runs the command in no time.
struct ImportServer {
  explicit ImportServer(std::string server) : name(std::move(server)) {
    for (const auto* folder : {"/var", "/var/spool", "/home", "/home/import1c", inbox})
      files.nodes[folder] = {system::FileType::folder, 0755, {}, {}};
  }

  std::vector<Upload> all(UploadState state) { return spool().list(state).value(); }

  ImportSpool spool() { return {files, uploads, clock, upload_spool, {0, 33}}; }

  void arrive(const std::string& file, const std::string& content) {
    files.nodes[std::string(inbox) + "/" + file] = {system::FileType::regular, 0640, {1002, 33}, content};
  }

  // One look at the inbox: what lies there is taken.
  void take() {
    auto own = spool();
    went_well(own.prepare());
    went_well(own.finish_taking());
    for (const auto& path : files.below(inbox))
      if (path != inbox && !path.contains("/."))
        went_well(own.take({.id = upload_id(clock.now, name, ++count),
                            .name = path.substr(std::string(inbox).size() + 1),
                            .server = name,
                            .inbox = path,
                            .size = files.nodes[path].content.size()}));
  }

  // One look at what runs and what may begin.
  void run() {
    auto own = spool();
    for (const auto& upload : all(UploadState::running))
      went_well(own.end(upload, primary, [](const std::string& invocation) { return "what " + invocation + " said"; }));
    const auto waiting = *own.list(UploadState::waiting);
    if (waiting.empty()) return;
    went_well(own.begin(waiting.front()));
    runs.push_back(*files.read(own.content(UploadState::running, waiting.front())));
    if (!starts) return;
    put("begun", "run 7\n");
    put("result", result);
  }

  void put(const std::string& file, const std::string& content) {
    files.nodes[std::string(upload_spool) + "/" + file] = {system::FileType::regular, 0644, {}, content};
  }

  const std::string name;
  Power power;
  MemoryFiles files{power};
  FakeUploads uploads{files};
  FakeClock clock;
  std::uint64_t count = 0;
  std::string result = "success exited 0";
  bool primary = true;
  bool starts = true;            // the command can be started
  std::vector<std::string> runs; // contents that the command was given
};

// Hands what waits on one server to the other as the keepers do.
void hand_over(ImportServer& from, ImportServer& to) {
  auto near = from.spool();
  auto far = to.spool();
  for (const auto& upload : from.all(UploadState::waiting)) {
    if (!upload.offered.empty() && upload.offered != to.name) continue;
    went_well(near.offer(upload, to.name));
    const auto path = near.content(UploadState::waiting, upload);
    for (std::uint64_t offset = 0; offset < upload.size; offset += 4) {
      if (*far.knows(upload.id)) break;
      went_well(far.receive(upload, offset, *from.uploads.read_part(path, offset, 4)));
    }
    went_well(near.hand(upload, to.name));
  }
}

// What a new primary does with what it had offered to the other one.
void ask_back(ImportServer& server, ImportServer& other) {
  auto near = server.spool();
  for (const auto& upload : server.all(UploadState::waiting)) {
    if (upload.offered != other.name) continue;
    if (*other.spool().give_back(upload.id, server.name))
      went_well(near.take_back(upload));
    else
      went_well(near.hand(upload, other.name));
  }
}

// Once without the power, so that the number of changes is known; then cut before each of them.
void cut_everywhere(const std::function<bool(int changes)>& until_cut) {
  int changes = 0;
  while (until_cut(changes)) {
    ASSERT_LT(++changes, 500) << "it never comes to an end";
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(changes, 5);
}

bool goes_dark(ImportServer& server, int changes, const std::function<void()>& work) {
  server.power.cut_after(changes);
  bool cut = false;
  try {
    work();
  } catch (const PowerCut&) {
    cut = true;
  }
  server.power.restore();
  return cut;
}

} // namespace

TEST(Imports, TakeWhatFitsThePatternAndIsNoneOfAClientsHalves) {
  const model::Import import{.user = "import1c", .pattern = "*.txt", .run = "x"};
  EXPECT_TRUE(takes(import, "stock.txt"));
  EXPECT_TRUE(takes(import, "остатки от \"1С\".txt"));
  for (const auto* name : {"stock.txt.filepart", ".stock.txt", "stock.csv", "line\n.txt", "\xff.txt", ""})
    EXPECT_FALSE(takes(import, name)) << name;
  EXPECT_FALSE(takes({.user = "u", .pattern = "*", .run = "x"}, ".in.stock.txt.tmp"));
}

TEST(Imports, AnIdSortsByTimeAndNamesNoFolder) {
  const std::chrono::system_clock::time_point now{std::chrono::milliseconds(1795509000123)};
  EXPECT_EQ(upload_id(now, "uno", 7), "1795509000123-uno-7");
  EXPECT_EQ(moment_of("1795509000123-uno-7"), now);
  EXPECT_TRUE(is_upload_id("1795509000123-uno-7"));
  for (const auto* text : {"", "1795509000123-", "1795509000123-../x", "179550900012-uno-7", "1795509000123-a/b", "x"})
    EXPECT_FALSE(is_upload_id(text)) << text;
}

TEST(Imports, WhatARunCameToIsToldByWhatItLeft) {
  using Kind = ImportEnding::Kind;
  const auto ending = [](const std::string& result, bool primary = true) {
    return import_ending({.begun = true, .result = result}, primary);
  };
  EXPECT_EQ(import_ending({}, true).kind, Kind::never_began);
  EXPECT_EQ(import_ending({.result = "exec-condition exited 1"}, true).kind, Kind::never_began);
  EXPECT_EQ(ending("").kind, Kind::interrupted) << "the power";
  EXPECT_EQ(ending("success killed TERM\n").kind, Kind::interrupted);
  EXPECT_EQ(ending("success exited 143\n").kind, Kind::interrupted);
  EXPECT_EQ(ending("success exited 0\n").kind, Kind::succeeded);
  EXPECT_EQ(import_ending({.begun = true, .cut = true, .result = "success exited 0\n"}, true).kind, Kind::interrupted)
      << "it took the signal and gave up";
  EXPECT_EQ(ending("success exited 1\n"), (ImportEnding{Kind::failed, "it ended with status 1"}));
  EXPECT_EQ(ending("success exited 1\n", false).kind, Kind::interrupted) << "its database went away";
  EXPECT_EQ(ending("success exited 0\n", false).kind, Kind::succeeded);
  EXPECT_EQ(ending("signal killed KILL\n").why, "it was killed by the signal KILL");
  EXPECT_EQ(ending("oom-kill killed KILL\n").why, "there was not enough memory for it");
}

TEST(Imports, WhatRootRunsOfAUnitFindsNothingOfTheSitesEnvironment) {
  model::Site site;
  site.domain = "shop.test";
  site.owner = "nikolays";
  site.import = model::Import{.user = "import1c", .pattern = "*", .run = "true"};
  const auto text = *import_service_text({}, site);
  int found = 0;
  for (const auto& line : lines_of(text))
    if (const auto plus = line.find("=+"); plus != std::string::npos) {
      ++found;
      EXPECT_TRUE(line.substr(plus + 2).starts_with("/usr/bin/env -i PATH=/usr/bin:/bin /bin/sh -c ")) << line;
    }
  EXPECT_EQ(found, 3);
}

TEST(Imports, TheCommandGetsThePathWhereItSaysOrLast) {
  model::Site site;
  site.domain = "shop.test";
  site.owner = "nikolays";
  site.import = model::Import{.user = "import1c", .pattern = "*", .run = "python manage.py take '50% $HOME'"};
  EXPECT_THAT(*import_service_text({}, site),
              HasSubstr("ExecStart=-/usr/bin/env -- \"python\" \"manage.py\" \"take\" \"50%% $$HOME\" "
                        "\"${TANDEM_UPLOAD}\"\n"));
  site.import->run = "take --from={file} --now";
  EXPECT_THAT(*import_service_text({}, site), HasSubstr("-- \"take\" \"--from=${TANDEM_UPLOAD}\" \"--now\"\n"));
  EXPECT_THAT(*import_service_text({}, site), HasSubstr("ConditionPathExists=/primary_server\n"));
  site.import->run = "take 'open";
  EXPECT_FALSE(import_service_text({}, site));
}

TEST(Imports, OneThatSomebodyStillWritesToIsNotWaitingYet) {
  ImportServer uno("uno");
  uno.arrive("stock.txt", "half");
  auto spool = uno.spool();
  uno.uploads.written.insert(std::string(upload_spool) + "/taking/" + upload_id(uno.clock.now, "uno", 1) +
                             "/stock.txt");
  uno.take();
  EXPECT_TRUE(spool.list(UploadState::waiting)->empty());
  uno.uploads.written.clear();
  uno.take();
  ASSERT_EQ(spool.list(UploadState::waiting)->size(), 1U);
  EXPECT_EQ(spool.list(UploadState::waiting)->front().size, 4U);
}

TEST(Imports, AFailureIsKeptWithItsWordsUntilSomebodyDecides) {
  ImportServer uno("uno");
  uno.arrive("stock.txt", "bad");
  uno.arrive("trees.txt", "good");
  uno.result = "success exited 3";
  uno.take();
  uno.run();
  uno.result = "success exited 0";
  uno.run();
  uno.run();
  auto spool = uno.spool();
  ASSERT_EQ(spool.list(UploadState::failed)->size(), 1U);
  const auto upload = spool.list(UploadState::failed)->front();
  EXPECT_EQ(upload.why, "it ended with status 3");
  EXPECT_EQ(*spool.log(upload.id), "what run 7 said");
  EXPECT_EQ(*uno.files.read(spool.content(UploadState::failed, upload)), "bad");
  EXPECT_THAT(uno.runs, testing::ElementsAre("bad", "good")) << "the next one did not wait for it";
  went_well(spool.retry(upload.id));
  uno.run();
  uno.run();
  EXPECT_THAT(uno.runs, testing::ElementsAre("bad", "good", "bad"));
  EXPECT_EQ(spool.done(10)->size(), 2U);
  EXPECT_FALSE(spool.drop(upload.id));
}

TEST(Imports, OneThatWasCutOffIsRepeatedAndSaysSo) {
  ImportServer uno("uno");
  uno.arrive("stock.txt", "all of it");
  uno.result = "signal killed TERM";
  uno.take();
  uno.run();
  uno.run();
  uno.result = "success exited 0";
  uno.run();
  uno.run();
  EXPECT_EQ(uno.runs.size(), 3U);
  EXPECT_EQ(uno.spool().done(10)->front().upload.interruptions, 2U);
}

TEST(Imports, OneWhoseCommandCannotBeStartedFailsInTheEndAndOthersGoOn) {
  ImportServer uno("uno");
  uno.arrive("stock.txt", "all of it");
  uno.starts = false;
  uno.take();
  for (int tries = 0; tries < 6; ++tries)
    uno.run();
  ASSERT_EQ(uno.all(UploadState::failed).size(), 1U);
  EXPECT_THAT(uno.all(UploadState::failed)[0].why, HasSubstr("could not be started"));
  EXPECT_TRUE(uno.all(UploadState::waiting).empty());
}

TEST(Imports, OneThatAnotherServerMayHaveCannotBeDropped) {
  ImportServer uno("uno");
  uno.arrive("stock.txt", "all of it");
  uno.take();
  auto spool = uno.spool();
  const auto upload = uno.all(UploadState::waiting).front();
  went_well(spool.offer(upload, "duo"));
  const auto dropped = spool.drop(upload.id);
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().kind, ErrorKind::refused);
  went_well(spool.take_back(uno.all(UploadState::waiting).front()));
  went_well(spool.drop(upload.id));
  EXPECT_EQ(spool.done(10)->front().fate, UploadFate::dropped);
}

TEST(Imports, WhatWasImportedIsListedBehindWhatWasHandedOn) {
  ImportServer uno("uno");
  uno.arrive("first.txt", "1");
  uno.take();
  uno.run();
  uno.run();
  for (int n = 0; n < 3; ++n) {
    uno.arrive(fmt::format("{}.txt", n), "x");
    uno.take();
    went_well(uno.spool().hand(uno.all(UploadState::waiting).front(), "duo"));
  }
  ASSERT_EQ(uno.spool().done(2)->size(), 1U);
  EXPECT_EQ(uno.spool().done(2)->front().upload.name, "first.txt");
}

TEST(Imports, EachIsImportedOnceWhereverTheServerIsCutOff) {
  for (const bool between_two : {false, true})
    cut_everywhere([&](int changes) {
      SCOPED_TRACE(fmt::format("{} {}", between_two, changes));
      ImportServer uno("uno");
      uno.uploads.between_two = between_two;
      uno.arrive("stock.txt", "all of it");
      const auto work = [&] {
        uno.take();
        uno.run();
        uno.run();
      };
      const bool cut = goes_dark(uno, changes, work);
      if (cut) work();
      EXPECT_THAT(uno.runs, testing::ElementsAre("all of it"));
      EXPECT_EQ(uno.spool().done(10)->size(), 1U);
      for (const auto state : {UploadState::waiting, UploadState::running, UploadState::failed})
        EXPECT_TRUE(uno.all(state).empty());
      return cut;
    });
}

// Whichever of the two is cut off, and whichever is the primary afterwards.
TEST(Imports, EachIsImportedOnceByOneOfTwoServersWhereverOneIsCutOff) {
  for (const bool near_is_cut : {true, false})
    for (const bool roles_change : {false, true})
      cut_everywhere([&](int changes) {
        SCOPED_TRACE(fmt::format("{} {} {}", near_is_cut, roles_change, changes));
        ImportServer uno("uno");
        ImportServer duo("duo");
        duo.arrive("stock.txt", "all of it");
        duo.take();
        uno.take();
        const bool cut = goes_dark(near_is_cut ? duo : uno, changes, [&] {
          hand_over(duo, uno);
          uno.run();
          uno.run();
        });
        auto& primary = roles_change ? duo : uno;
        auto& standby = roles_change ? uno : duo;
        for (const auto& upload : standby.all(UploadState::running))
          went_well(standby.spool().end(upload, false, [](const std::string&) { return std::string(); }));
        ask_back(primary, standby);
        hand_over(standby, primary);
        primary.run();
        primary.run();
        auto all = uno.runs;
        all.insert(all.end(), duo.runs.begin(), duo.runs.end());
        EXPECT_THAT(all, testing::ElementsAre("all of it"));
        for (auto* server : {&uno, &duo})
          for (const auto state : {UploadState::waiting, UploadState::running, UploadState::failed})
            EXPECT_TRUE(server->spool().list(state)->empty()) << server->name;
        return cut;
      });
}

} // namespace tandem::sites
