#include "sites/deploy_log.hpp"

#include "base/text.hpp"
#include "sites/folders.hpp"

#include <nlohmann/json.hpp>

#include <ctime>

namespace tandem::sites {

namespace {

constexpr int record_version = 1;
constexpr auto moment = std::chrono::milliseconds(200);
constexpr std::string_view record_ending = ".json";

std::int64_t seconds_of(std::chrono::system_clock::time_point time) {
  return std::chrono::system_clock::to_time_t(time);
}

std::string stamped(std::chrono::system_clock::time_point time, const std::string& line) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:02}:{:02}:{:02} {}\n", utc.tm_hour, utc.tm_min, utc.tm_sec, line);
}

void mark_cut_off(DeployRecord& record) {
  if (record.outcome == "running") record.outcome = "cut off";
}

DeployRecord record_in(const nlohmann::json& document) {
  return {.number = document.at("number").get<std::uint64_t>(),
          .what = document.at("what").get<std::string>(),
          .who = document.at("who").get<std::string>(),
          .wanted = document.at("wanted").get<std::string>(),
          .began = document.at("began").get<std::int64_t>(),
          .ended = document.at("ended").get<std::int64_t>(),
          .from_release = document.at("from_release").get<std::string>(),
          .from_commit = document.at("from_commit").get<std::string>(),
          .to_release = document.at("to_release").get<std::string>(),
          .to_commit = document.at("to_commit").get<std::string>(),
          .outcome = document.at("outcome").get<std::string>(),
          .failure = document.at("failure").get<std::string>(),
          .warnings = document.at("warnings").get<std::vector<std::string>>()};
}

} // namespace

std::string to_text(const DeployRecord& record) {
  const nlohmann::json document{{"version", record_version},
                                {"number", record.number},
                                {"what", record.what},
                                {"who", record.who},
                                {"wanted", record.wanted},
                                {"began", record.began},
                                {"ended", record.ended},
                                {"from_release", record.from_release},
                                {"from_commit", record.from_commit},
                                {"to_release", record.to_release},
                                {"to_commit", record.to_commit},
                                {"outcome", record.outcome},
                                {"failure", record.failure},
                                {"warnings", record.warnings}};
  // What programs say need not be UTF-8; a record of it is still to be written.
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Result<DeployRecord> deploy_record_from(const std::string& text) {
  try {
    const auto document = nlohmann::json::parse(text);
    if (document.at("version").get<int>() != record_version)
      return fail(ErrorKind::refused, "the record of a deploy was written by a later version of tandem",
                  "Bring tandem up to date here.");
    return record_in(document);
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorKind::invalid, std::string("the record of a deploy is damaged: ") + error.what());
  }
}

// --- those that are kept ---

std::string DeployLogs::path_of(const std::string& domain, std::uint64_t number, const char* kind) const {
  return fmt::format("{}/{:06}{}", layout_.deploy_logs(domain), number, kind);
}

// As they are written, the oldest first.
Result<std::vector<DeployRecord>> DeployLogs::read_all(const std::string& domain) {
  std::vector<DeployRecord> records;
  const auto folder = layout_.deploy_logs(domain);
  TANDEM_TRY(const auto there, files_.status(folder));
  if (!there) return records;
  TANDEM_TRY(const auto names, files_.list(folder));
  for (const auto& name : names) {
    if (!name.ends_with(record_ending)) continue;
    const auto number = to_number(name.substr(0, name.size() - record_ending.size()));
    if (!number || *number < 1) continue;
    const auto text = files_.read(folder + "/" + name);
    if (!text && text.error().kind == ErrorKind::not_found) continue; // removed since, as one of the oldest
    auto record = text ? deploy_record_from(*text) : std::unexpected(text.error());
    if (!record) record = DeployRecord{.outcome = "damaged", .failure = record.error().message};
    record->number = static_cast<std::uint64_t>(*number);
    records.push_back(*std::move(record));
  }
  std::ranges::sort(records, {}, &DeployRecord::number);
  return records;
}

Result<std::vector<DeployRecord>> DeployLogs::list(const std::string& domain, bool at_work) {
  TANDEM_TRY(auto records, read_all(domain));
  std::ranges::reverse(records);
  for (auto& record : records)
    if (!at_work || &record != &records.front()) mark_cut_off(record);
  return records;
}

Result<DeployRecord> DeployLogs::find(const std::string& domain, std::uint64_t number, bool at_work) {
  TANDEM_TRY(auto records, list(domain, at_work));
  const auto found = std::ranges::find(records, number, &DeployRecord::number);
  if (found == records.end())
    return fail(ErrorKind::not_found, fmt::format("this server has no deploy {} of {}", number, domain),
                "`tandem deploys " + domain + "` lists those of all servers; type this on the one that has it");
  return std::move(*found);
}

Result<std::string> DeployLogs::text(const std::string& domain, std::uint64_t number) {
  auto text = files_.read(path_of(domain, number, ".log"));
  if (!text && text.error().kind == ErrorKind::not_found) return std::string();
  return text;
}

Result<DeployRecord> DeployLogs::begin(const std::string& domain, DeployRecord record) {
  for (const auto& folder : {layout_.state, layout_.state + "/deploys", layout_.deploy_logs(domain)})
    TANDEM_CHECK(files_.make_folder(folder, 0700, root));
  TANDEM_TRY(auto records, read_all(domain));
  for (auto& old : records)
    if (old.outcome == "running") {
      mark_cut_off(old);
      TANDEM_CHECK(store(domain, old));
    }
  record.number = records.empty() ? 1 : records.back().number + 1;
  TANDEM_CHECK(store(domain, record));
  // A text whose record is gone would never be found again, so that goes first.
  for (std::size_t i = 0; i + most_kept < records.size() + 1; ++i) {
    TANDEM_CHECK(files_.remove(path_of(domain, records[i].number, ".log")));
    TANDEM_CHECK(files_.remove(path_of(domain, records[i].number, ".json")));
  }
  return record;
}

Result<void> DeployLogs::store(const std::string& domain, const DeployRecord& record) {
  return files_.write(path_of(domain, record.number, ".json"), to_text(record), 0600, root);
}

Result<void> DeployLogs::append(const std::string& domain, std::uint64_t number, const std::string& lines) {
  return files_.append(path_of(domain, number, ".log"), lines);
}

// --- one that is written ---

DeployLog::DeployLog(const Tools& tools, std::string domain, DeployRecord record, Progress on_problem)
    : logs_(tools.ports.files, tools.layout), clock_(tools.ports.clock), domain_(std::move(domain)),
      record_(std::move(record)), on_problem_(std::move(on_problem)), flushed_(clock_.boot_time() - moment) {
  record_.began = seconds_of(clock_.wall_time());
  record_.outcome = "running";
  auto begun = logs_.begin(domain_, record_);
  if (begun)
    record_ = *std::move(begun);
  else
    noted(std::unexpected(std::move(begun).error()));
}

void DeployLog::noted(const Result<void>& result) {
  if (result || broken_) return;
  broken_ = true;
  on_problem_(fmt::format("the log of this {} is not kept: {}", record_.what, result.error().message));
}

void DeployLog::line(const std::string& line) {
  if (broken_ || written_ > most_text) return;
  auto text = stamped(clock_.wall_time(), line);
  written_ += text.size();
  if (written_ > most_text) text = stamped(clock_.wall_time(), "more was said than is kept; what follows is not here");
  waiting_ += text;
  if (clock_.boot_time() - flushed_ >= moment) flush();
}

void DeployLog::flush() {
  if (broken_ || waiting_.empty()) return;
  noted(logs_.append(domain_, record_.number, waiting_));
  waiting_.clear();
  flushed_ = clock_.boot_time();
}

void DeployLog::chosen(const Release& release) {
  record_.to_release = release.id;
  record_.to_commit = release.commit;
  if (!broken_) noted(logs_.store(domain_, record_));
}

void DeployLog::done(const std::vector<std::string>& warnings) {
  record_.outcome = "done";
  record_.warnings = warnings;
  for (const auto& warning : warnings)
    line("warning: " + warning);
  line(record_.what + " done");
  end();
}

void DeployLog::failed(const std::string& why) {
  record_.outcome = "failed";
  record_.failure = why;
  for (const auto& part : lines_of(record_.what + " failed: " + why))
    line(part);
  end();
}

void DeployLog::end() {
  flush();
  record_.ended = seconds_of(clock_.wall_time());
  if (record_.number == 0) return; // it never had a place
  // A text that could not be written to its end does not keep the outcome from being known.
  if (const auto stored = logs_.store(domain_, record_); !stored) noted(stored);
}

} // namespace tandem::sites
