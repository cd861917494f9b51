#include "replication/database/base_backup.hpp"
#include "replication/database/standing.hpp"

#include <gtest/gtest.h>

namespace tandem::replication {

TEST(Wal, PositionsAreReadAndWrittenAsPostgresDoes) {
  EXPECT_EQ(parse_wal("16/B374D848"), 0x16B374D848U);
  EXPECT_EQ(parse_wal("0/0"), 0U);
  EXPECT_EQ(to_wal_text(0x16B374D848U), "16/B374D848");
  EXPECT_EQ(to_wal_text(0x3000028U), "0/3000028");
  for (const auto* wrong : {"", "16", "/", "16/", "/28", "16/x", "16/B374D848 ", "123456789/0", "-1/0", "0x1/0"})
    EXPECT_EQ(parse_wal(wrong), std::nullopt) << wrong;
}

TEST(Wal, ARecordEndsBehindTheHeadersThatItCrosses) {
  constexpr std::uint64_t segment = 16 << 20;
  // As PostgreSQL 15 itself: after `pg_ctl stop` with the checkpoint at 0/3000028, a standby reports 0/30000A0.
  EXPECT_EQ(end_of_record(0x3000028, 114, segment), 0x30000A0U);
  EXPECT_EQ(end_of_record(0x3001FF0, 114, segment), 0x3002000U + 24 + 104); // 16 bytes, a page's header, 98 bytes
  EXPECT_EQ(end_of_record(0x3FFFFF0, 114, segment), 0x4000000U + 40 + 104); // the header of a new segment is longer
  EXPECT_EQ(end_of_record(0x3001F88, 120, segment), 0x3002000U);            // it just fits
}

TEST(Control, TellsWhetherAClusterWasStoppedInOrder) {
  const std::string text = "pg_control version number:            1300\n"
                           "Database system identifier:           7575840532104938733\n"
                           "Database cluster state:               shut down\n"
                           "Latest checkpoint location:           0/C000028\n"
                           "Latest checkpoint's TimeLineID:       3\n"
                           "Latest checkpoint's NextOID:          13572\n"
                           "Bytes per WAL segment:                16777216\n";
  const auto control = parse_control(text);
  ASSERT_TRUE(control) << control.error().message;
  EXPECT_EQ(*control, (ControlData{"7575840532104938733", "shut down", 3, 0xC000028, 16777216, 13572}));
  EXPECT_TRUE(control->clean());
  EXPECT_FALSE((ControlData{.state = "in production"}).clean());
  EXPECT_FALSE((ControlData{.state = "in archive recovery"}).clean());
  EXPECT_TRUE((ControlData{.state = "shut down in recovery"}).clean());
}

TEST(Control, KnowsAClusterInWhichNobodyHasMadeAnything) {
  const ControlData fresh{.state = "shut down", .timeline = 1, .next_object = 13572};
  EXPECT_TRUE(fresh.untouched());
  for (auto change :
       {+[](ControlData& data) { data.state = "in production"; },         // it may be more by now
        +[](ControlData& data) { data.state = "shut down in recovery"; }, // a standby
        +[](ControlData& data) { data.timeline = 2; }, +[](ControlData& data) { data.next_object = 16385; },
        +[](ControlData& data) { data.next_object = 0; }}) {
    auto other = fresh;
    change(other);
    EXPECT_FALSE(other.untouched());
  }
}

TEST(Control, RefusesAnOutputThatLacksAField) {
  const auto control = parse_control("Database system identifier: 7\nDatabase cluster state: shut down\n");
  ASSERT_FALSE(control);
  EXPECT_EQ(control.error().message, "pg_controldata names no \"Latest checkpoint's TimeLineID\"");
}

namespace {

// As a server of PostgreSQL 15 wrote it; pg_controldata says of it: 7711760089288952790, in production, checkpoint
// 0/34A1EE0, timeline 3, segments of 16 MB. What lies behind the checksum is nought.
constexpr const char* control_bytes =
    "d64b1a4bf1ac056b1405000025770d0c06000000000000007fae056b00000000e01e4a0300000000a81e4a03000000000300000003000000"
    "0100000000000000981d000000000000596000000a00000013000000cc020000010000000100000001000000000000006bae056b00000000"
    "0000000000000000981d000000000000e8030000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000010000000100000064000000080000000a000000000000004000000000000000080000000000000087d632410020000000000200"
    "00200000000000014000000020000000cc07000000080000010000000000000004b4bd8878209bf71389a6752d4ddd34ed2a2244caa929a8"
    "f25d51ba62e9bc33f94171ad";

std::string bytes_of(std::string_view hex) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16));
  return bytes;
}

} // namespace

TEST(Control, ItsFileIsReadWithoutAProgram) {
  const auto bytes = bytes_of(control_bytes);
  EXPECT_EQ(parse_control_file(bytes),
            (ControlData{"7711760089288952790", "in production", 3, 0x34A1EE0, 16777216, 24665}));
}

TEST(Control, AFileThatIsCutOrDamagedOrOfAnotherLayoutIsLeftToPgControldata) {
  const auto bytes = bytes_of(control_bytes);
  EXPECT_EQ(parse_control_file(""), std::nullopt);
  EXPECT_EQ(parse_control_file(bytes.substr(0, bytes.size() - 1)), std::nullopt);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_EQ(parse_control_file(damaged), std::nullopt) << at;
  }
}

TEST(Control, FindsARecordsLength) {
  EXPECT_EQ(parse_record_length("rmgr: XLOG        len (rec/tot):    114/   118, tx:          0, lsn: 0/0C000028, prev "
                                "0/0BFFFFB8, desc: CHECKPOINT_SHUTDOWN redo 0/C000028;"),
            118U);
  EXPECT_FALSE(parse_record_length(""));
  EXPECT_FALSE(parse_record_length("len (rec/tot): 1"));
}

TEST(Standing, OfAStandbyIsRead) {
  const auto standing = parse_standing(
      {{"t", "7575840532104938733", "2", "0/5000100", "0/5000100", "0/5000000", "streaming", "1.250000"}});
  ASSERT_TRUE(standing) << standing.error().message;
  EXPECT_EQ(standing->state, DatabaseState::standby);
  EXPECT_EQ(standing->timeline, 2U);
  EXPECT_EQ(standing->received, 0x5000100U);
  EXPECT_EQ(standing->replayed, 0x5000000U);
  EXPECT_EQ(standing->receiver, "streaming");
  EXPECT_EQ(standing->seconds_behind, 1.25);
}

TEST(Standing, OfAStandbyThatNeverReceivedAnythingIsRead) {
  const auto standing = parse_standing({{"t", "7", "1", "0/3000000", std::nullopt, "0/3000000", "", std::nullopt}});
  ASSERT_TRUE(standing) << standing.error().message;
  EXPECT_EQ(standing->received, 0U);
  EXPECT_EQ(standing->position, 0x3000000U);
  EXPECT_EQ(standing->seconds_behind, std::nullopt);
}

TEST(Standing, NamesTheColumnThatIsWrong) {
  const auto standing = parse_standing({{"t", "7", "1", "here", std::nullopt, "0/0", "", std::nullopt}});
  ASSERT_FALSE(standing);
  EXPECT_EQ(standing.error().message, "column 4 of the standing is not what it should be: here");
  EXPECT_FALSE(parse_standing({}));
  EXPECT_FALSE(parse_standing({{"t", "7"}}));
}

TEST(Standing, OfTheStandbysLeavesOutAFirstCopyUnderWay) {
  const auto standbys = parse_standbys(
      {{"duo", "streaming", "async", "0/50", "0/50", "0/50", "0/40", "16", "0.002"},
       {copy_application, "streaming", "async", "0/50", "0/50", "0/50", std::nullopt, std::nullopt, std::nullopt},
       {"tre", "startup", "async", std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt,
        std::nullopt}});
  ASSERT_TRUE(standbys) << standbys.error().message;
  ASSERT_EQ(standbys->size(), 2U);
  EXPECT_EQ(standbys->at(0), (StandbyLink{"duo", "streaming", "async", 0x50, 0x50, 0x50, 0x40, 16, 0.002}));
  EXPECT_EQ(standbys->at(1).lag_bytes, std::nullopt) << "unknown is not the same as none";
}

TEST(Standing, OfTheSlotsTellsWhatTheyHoldBack) {
  const auto slots = parse_slots({{"tandem_duo", "f", "extended", "123456"}, {"tandem_tre", "t", "", "0"}});
  ASSERT_TRUE(slots) << slots.error().message;
  EXPECT_EQ(*slots, (std::vector<Slot>{{"tandem_duo", false, "extended", 123456}, {"tandem_tre", true, "", 0}}));
  EXPECT_FALSE(parse_slots({{"tandem_duo", "f", "extended", "-1"}}));
}

TEST(BaseBackup, ProvesItselfByCertificateAndTakesItsOwnSlot) {
  const auto arguments =
      base_backup_arguments(system::postgres_layout(15), "duo-2", {"uno", "10.0.0.1"}, "/var/lib/postgresql/15/copy");
  EXPECT_EQ(arguments,
            (std::vector<std::string>{
                "/usr/lib/postgresql/15/bin/pg_basebackup",
                "--dbname=host=10.0.0.1 port=5432 user=replicator application_name=tandem-copy sslmode=verify-full "
                "sslcert=/etc/tandem/postgresql/server.pem sslkey=/etc/tandem/postgresql/server.key "
                "sslrootcert=/etc/tandem/postgresql/ca.pem connect_timeout=5 keepalives_idle=5 keepalives_interval=2 "
                "keepalives_count=3",
                "--pgdata=/var/lib/postgresql/15/copy", "--slot=tandem_duo_2", "--wal-method=stream",
                "--checkpoint=fast", "--progress", "--no-password"}));
}

TEST(BaseBackup, ProgressIsReadFromItsLines) {
  EXPECT_EQ(parse_copy_progress("  23456/123456 kB (18%), 0/1 tablespace"), (CopyProgress{23456, 123456, 18}));
  EXPECT_EQ(parse_copy_progress("123456/123456 kB (100%), 1/1 tablespace"), (CopyProgress{123456, 123456, 100}));
  for (const auto* other :
       {"", "waiting for checkpoint", "0/1 tablespace", "a/b kB (1%)", "1/2 kB (x%)", "kB (1%) 1/2"})
    EXPECT_EQ(parse_copy_progress(other), std::nullopt) << other;
}

TEST(BaseBackup, AsksWhichClusterThePrimaryIs) {
  EXPECT_EQ(parse_identity("7575840532104938733|12|0/5000060|\n"), (Identity{"7575840532104938733", 12, 0x5000060}));
  EXPECT_FALSE(parse_identity(""));
  EXPECT_FALSE(parse_identity("systemid|timeline"));
  EXPECT_FALSE(parse_identity("7575840532104938733"));
  EXPECT_FALSE(parse_identity("7575840532104938733|12|"));
  EXPECT_FALSE(parse_identity("7575840532104938733|0|0/5000060|"));
}

} // namespace tandem::replication
