#include "replication/database/control.hpp"

#include "base/text.hpp"
#include "journal/crc32c.hpp"

#include <array>
#include <cstring>

namespace tandem::replication {

namespace {

constexpr auto short_limit = std::chrono::seconds(30);

Result<std::string> field(const std::map<std::string, std::string>& fields, const std::string& name) {
  const auto found = fields.find(name);
  if (found == fields.end()) return failed("pg_controldata names no \"" + name + "\"");
  return found->second;
}

Result<std::uint64_t> number_field(const std::map<std::string, std::string>& fields, const std::string& name) {
  TANDEM_TRY(const auto text, field(fields, name));
  const auto number = to_number(text);
  if (!number || *number < 0) return failed(fmt::format("pg_controldata's \"{}\" is no number: {}", name, text));
  return static_cast<std::uint64_t>(*number);
}

template <typename Number>
Number number_at(std::string_view bytes, std::size_t offset) {
  Number number{};
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

} // namespace

Result<ControlData> parse_control(std::string_view text) {
  std::map<std::string, std::string> fields;
  for (const auto& line : lines_of(text))
    if (const auto colon = line.find(':'); colon != std::string::npos)
      fields.try_emplace(line.substr(0, colon), trim(std::string_view(line).substr(colon + 1)));
  ControlData control;
  TANDEM_TRY(control.system_identifier, field(fields, "Database system identifier"));
  TANDEM_TRY(control.state, field(fields, "Database cluster state"));
  TANDEM_TRY(const auto timeline, number_field(fields, "Latest checkpoint's TimeLineID"));
  control.timeline = static_cast<std::uint32_t>(timeline);
  TANDEM_TRY(control.segment_size, number_field(fields, "Bytes per WAL segment"));
  TANDEM_TRY(const auto checkpoint, field(fields, "Latest checkpoint location"));
  const auto position = parse_wal(checkpoint);
  if (!position) return failed("pg_controldata's checkpoint location is none: " + checkpoint);
  control.checkpoint = *position;
  if (const auto next = number_field(fields, "Latest checkpoint's NextOID"))
    control.next_object = static_cast<std::uint32_t>(*next);
  return control;
}

std::optional<ControlData> parse_control_file(std::string_view bytes) {
  constexpr std::uint32_t known_layout = 1300;
  constexpr std::size_t checksum_at = 288;
  // The order of enum DBState.
  constexpr std::array<const char*, 7> states{
      "starting up",       "shut down",           "shut down in recovery", "shutting down",
      "in crash recovery", "in archive recovery", "in production",
  };
  if (bytes.size() < checksum_at + 4 || number_at<std::uint32_t>(bytes, 8) != known_layout) return std::nullopt;
  if (journal::crc32c(bytes.substr(0, checksum_at)) != number_at<std::uint32_t>(bytes, checksum_at))
    return std::nullopt;
  const auto state = number_at<std::uint32_t>(bytes, 16);
  if (state >= states.size()) return std::nullopt;
  return ControlData{.system_identifier = std::to_string(number_at<std::uint64_t>(bytes, 0)),
                     .state = states[state],
                     .timeline = number_at<std::uint32_t>(bytes, 48),
                     .checkpoint = number_at<std::uint64_t>(bytes, 32),
                     .segment_size = number_at<std::uint32_t>(bytes, 228),
                     .next_object = number_at<std::uint32_t>(bytes, 72)};
}

Result<ControlData> read_control(const DatabaseTools& tools, const std::string& folder) {
  const auto path = folder + "/global/pg_control";
  TANDEM_TRY(const auto there, tools.files.status(path));
  if (there)
    if (const auto bytes = tools.files.read(path))
      if (auto control = parse_control_file(*bytes)) return std::move(*control);
  if (!there) return fail(ErrorKind::not_found, folder + " is no data directory of PostgreSQL");
  TANDEM_TRY(const auto said,
             run_checked(tools.processes, {.arguments = {tools.layout.binaries + "/pg_controldata", "-D", folder},
                                           .environment = {{"LC_ALL", "C"}},
                                           .user = "postgres",
                                           .time_limit = short_limit}));
  auto control = parse_control(said.output);
  if (!control) return std::unexpected(std::move(control).error().within("reading " + folder));
  return control;
}

Result<std::uint64_t> parse_record_length(std::string_view text) {
  // rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/0C000028, prev 0/0BFFFFB8, desc: …
  const auto lengths = text.find("len (rec/tot):");
  const auto slash = lengths == std::string_view::npos ? lengths : text.find('/', lengths + 14);
  const auto comma = slash == std::string_view::npos ? slash : text.find(',', slash);
  if (comma == std::string_view::npos) return failed("pg_waldump names no length of the record");
  const auto length = to_number(trim(text.substr(slash + 1, comma - slash - 1)));
  if (!length || *length <= 0) return failed("pg_waldump names no length of the record");
  return static_cast<std::uint64_t>(*length);
}

Result<WalPosition> end_of_wal(const DatabaseTools& tools, const ControlData& control) {
  TANDEM_TRY(const auto said,
             run_checked(tools.processes, {.arguments = {tools.layout.binaries + "/pg_waldump",
                                                         "--path=" + tools.layout.data + "/pg_wal",
                                                         "--timeline=" + std::to_string(control.timeline),
                                                         "--start=" + to_wal_text(control.checkpoint), "--limit=1"},
                                           .environment = {{"LC_ALL", "C"}},
                                           .user = "postgres",
                                           .time_limit = short_limit}));
  TANDEM_TRY(const auto length, parse_record_length(said.output));
  return end_of_record(control.checkpoint, length, control.segment_size);
}

} // namespace tandem::replication
