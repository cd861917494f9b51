#include "role/record.hpp"

#include "role/json.hpp"

#include <array>

namespace tandem::role {

namespace {

constexpr std::array<std::string_view, 7> kinds = {"opened",      "before",     "after", "turned back",
                                                   "before undo", "after undo", "closed"};
constexpr std::array<std::string_view, 6> endings = {"", "done", "failed", "left", "undone", "overtaken"};

template <class Value, std::size_t count>
bool read_name(const std::array<std::string_view, count>& names, const std::string& name, Value& value) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return false;
  value = static_cast<Value>(found - names.begin());
  return true;
}

Json to_json(const Opening& opening) {
  Json json;
  json["runbook"] = opening.runbook;
  json["id"] = opening.id;
  json["from"] = opening.from;
  json["to"] = opening.to;
  json["leader"] = opening.leader;
  json["epoch"] = opening.epoch;
  json["reason"] = opening.reason;
  json["parameters"] = opening.parameters;
  return json;
}

Result<Opening> opening_from(const Json& json) {
  Opening opening;
  Fields fields(json);
  fields.read("runbook", opening.runbook);
  fields.read("id", opening.id);
  fields.read("from", opening.from);
  fields.read("to", opening.to);
  opening.leader = opening.from; // as it was before there were others
  if (fields.has("leader")) fields.read("leader", opening.leader);
  fields.read_epoch("epoch", opening.epoch);
  fields.read("reason", opening.reason);
  if (const auto* parameters = fields.find("parameters", &Json::is_object)) {
    for (const auto& [name, value] : parameters->items()) {
      if (value.is_string())
        opening.parameters[name] = value.get<std::string>();
      else
        fields.note(fmt::format("the parameter \"{}\" is no text", name));
    }
  }
  TANDEM_CHECK(fields.outcome("opening"));
  return opening;
}

} // namespace

std::string_view name_of(RecordKind kind) {
  return kinds[static_cast<std::size_t>(kind)];
}

std::string_view name_of(Ending ending) {
  return endings[static_cast<std::size_t>(ending)];
}

std::optional<Ending> ending_from(const std::string& name) {
  Ending ending = Ending::none;
  return read_name(endings, name, ending) ? std::optional(ending) : std::nullopt;
}

std::string encode(const Record& record) {
  Json json;
  json["version"] = record_version;
  json["author"] = record.author;
  json["number"] = record.number;
  json["kind"] = name_of(record.kind);
  json["step"] = record.step;
  json["ending"] = name_of(record.ending);
  json["message"] = record.message;
  json["time"] = record.time;
  if (record.opening) json["opening"] = to_json(*record.opening);
  return text_of(json);
}

Result<Record> decode_record(const std::string& text) {
  const auto json = Json::parse(text, nullptr, false);
  Record record;
  std::uint64_t version = 0;
  std::string kind;
  std::string ending;
  Fields fields(json);
  fields.read("version", version);
  fields.read("author", record.author);
  fields.read("number", record.number);
  fields.read("kind", kind);
  fields.read("step", record.step);
  fields.read("ending", ending);
  fields.read("message", record.message);
  fields.read("time", record.time);
  TANDEM_CHECK(fields.outcome("runbook record"));
  if (version != record_version) {
    return fail(ErrorKind::invalid,
                fmt::format("runbook record: version {} where {} is known", version, record_version),
                "Install the same tandem on all servers");
  }
  if (!read_name(kinds, kind, record.kind) || !read_name(endings, ending, record.ending))
    return fail(ErrorKind::invalid, fmt::format("runbook record: \"{}\" \"{}\" is unknown", kind, ending));
  if (fields.has("opening")) {
    TANDEM_TRY(record.opening, opening_from(json["opening"]));
  }
  if (record.opening.has_value() != (record.kind == RecordKind::opened))
    return fail(ErrorKind::invalid, "runbook record: an opening belongs to the first record and to no other");
  return record;
}

Result<Log> Log::open(journal::Journal journal, std::string self) {
  Log log(std::move(journal), std::move(self));
  for (const auto& payload : log.journal_.payloads()) {
    TANDEM_TRY(auto record, decode_record(payload));
    if (record.number != log.count(record.author) + 1) {
      return fail(ErrorKind::invalid,
                  fmt::format("runbook journal: record {} of {} is out of order", record.number, record.author));
    }
    log.records_.push_back(std::move(record));
  }
  log.written_ = log.records_.size();
  return log;
}

std::uint64_t Log::count(const std::string& author) const {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(records_, [&](const Record& record) { return record.author == author; }));
}

std::vector<Record> Log::above(const std::string& author, std::uint64_t after) const {
  std::vector<Record> found;
  for (const auto& record : records_)
    if (record.author == author && record.number > after) found.push_back(record);
  return found;
}

Record Log::own(Record record) const {
  record.author = self_;
  record.number = count(self_) + 1;
  return record;
}

Result<void> Log::flush() {
  for (; written_ < records_.size(); ++written_)
    TANDEM_CHECK(journal_.append(encode(records_[written_])));
  return {};
}

Result<Record> Log::write(Record record) {
  records_.push_back(own(std::move(record)));
  if (auto flushed = flush(); !flushed) {
    records_.pop_back();
    return std::unexpected(std::move(flushed).error());
  }
  return records_.back();
}

Record Log::keep(Record record) {
  records_.push_back(own(std::move(record)));
  (void)flush(); // tried again with the next record
  return records_.back();
}

Result<void> Log::accept(const Record& record) {
  const auto here = count(record.author);
  if (record.number <= here) return {};
  if (record.number > here + 1) {
    return fail(ErrorKind::unavailable,
                fmt::format("records {} to {} of {} are missing here", here + 1, record.number - 1, record.author));
  }
  records_.push_back(record);
  auto flushed = flush();
  if (!flushed) records_.pop_back();
  return flushed;
}

} // namespace tandem::role
