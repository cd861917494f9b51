#include "bench/load/ledger.hpp"

#include "base/text.hpp"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tandem::load {

namespace {

using Json = nlohmann::ordered_json;

constexpr int version = 1;

Result<void> take_record(Ledger& ledger, const Json& record) {
  const std::string event = record.at("event");
  if (event == "run") {
    if (record.at("version") != version) return tandem::failed("this ledger's version is not 1");
    ledger.run = record.at("run");
    return {};
  }
  const std::string reference = record.at("reference");
  if (event == "started") {
    Entry entry{.photo = record.contains("sha256"),
                .sha256 = record.value("sha256", ""),
                .time = record.at("time"),
                .reason = {}};
    if (!ledger.entries.emplace(reference, std::move(entry)).second) {
      return tandem::failed(fmt::format("{} is started twice", reference));
    }
    return {};
  }
  auto found = ledger.entries.find(reference);
  if (found == ledger.entries.end()) return tandem::failed(fmt::format("{} ends without a start", reference));
  if (found->second.fate != Fate::unknown) return tandem::failed(fmt::format("{} ends twice", reference));
  if (event != "acknowledged" && event != "failed") return tandem::failed(fmt::format("unknown event {}", event));
  found->second.fate = event == "acknowledged" ? Fate::acknowledged : Fate::failed;
  found->second.time = record.at("time");
  found->second.reason = record.value("reason", "");
  return {};
}

} // namespace

Result<LedgerWriter> LedgerWriter::create(const std::filesystem::path& path, std::string_view run,
                                          std::string_view domain, std::string_view time) {
  int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) return tandem::failed(fmt::format("writing {}: {}", path.string(), std::strerror(errno)));
  LedgerWriter result(descriptor);
  result.line(Json{{"event", "run"}, {"version", version}, {"run", run}, {"domain", domain}, {"time", time}}.dump());
  if (!result.error_.empty()) return tandem::failed(fmt::format("writing {}: {}", path.string(), result.error_));
  return result;
}

LedgerWriter::~LedgerWriter() {
  if (descriptor_ >= 0) close(descriptor_);
}

void LedgerWriter::started(const Written& written, std::string_view time) {
  Json record{{"time", time},
              {"event", "started"},
              {"reference", written.reference},
              {"kind", name_of(written.kind)},
              {"protocol", name_of(written.protocol)}};
  if (!written.sha256.empty()) {
    record["size"] = written.size;
    record["sha256"] = written.sha256;
  }
  line(record.dump());
}

void LedgerWriter::acknowledged(std::string_view reference, std::string_view time, double milliseconds) {
  line(Json{{"time", time}, {"event", "acknowledged"}, {"reference", reference}, {"ms", milliseconds}}.dump());
}

void LedgerWriter::failed(std::string_view reference, std::string_view time, const Failure& failure) {
  Json record{{"time", time}, {"event", "failed"}, {"reference", reference}, {"reason", failure.reason}};
  if (!failure.detail.empty()) record["detail"] = failure.detail;
  line(record.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void LedgerWriter::line(std::string text) {
  text += '\n';
  std::string_view rest = text;
  while (!rest.empty() && error_.empty()) {
    ssize_t bytes = write(descriptor_, rest.data(), rest.size());
    if (bytes > 0) {
      rest.remove_prefix(static_cast<std::size_t>(bytes));
    } else if (errno != EINTR) {
      error_ = std::strerror(errno);
    }
  }
}

Result<Ledger> parse_ledger(std::string_view text) {
  Ledger ledger;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    std::size_t end = text.find('\n');
    if (end == text.npos) break; // the tool was killed while it wrote this
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    Result<void> applied;
    try {
      applied = take_record(ledger, Json::parse(line));
    } catch (const nlohmann::json::exception& error) {
      applied = tandem::failed(error.what());
    }
    if (!applied) return std::unexpected(std::move(applied).error().within(fmt::format("line {}", number)));
    if (ledger.run.empty()) return tandem::failed("line 1 does not name the run");
  }
  return ledger;
}

} // namespace tandem::load
