#include "agent/events.hpp"

#include "agent/kept_files.hpp"
#include "agent/times.hpp"
#include "journal/state_file.hpp"

#include <nlohmann/json.hpp>

#include <mutex>

namespace tandem::agent {

namespace {

constexpr int events_version = 1;
constexpr std::size_t most_named = 200; // files of one place

std::mutex& events_mutex() {
  static std::mutex mutex; // the file is read, changed and written by several worker threads
  return mutex;
}

Json to_json(const Event& event) {
  return {{"number", event.number}, {"time", event.time}, {"text", event.text}, {"paths", event.paths}};
}

Result<Event> event_from(const Json& json) {
  Event event;
  TANDEM_TRY(event.number, peer::number_member(json, "number"));
  TANDEM_TRY(event.time, peer::text_member(json, "time"));
  TANDEM_TRY(event.text, peer::text_member(json, "text"));
  TANDEM_TRY(event.paths, peer::texts_member(json, "paths"));
  return event;
}

Events events_of(const OperationContext& context) {
  return {context.ports().files, context.agent().settings().state_folder};
}

Json listed(const std::string& server, const Result<std::vector<Event>>& events) {
  if (!events) return {{"name", server}, {"problem", describe(events.error())}};
  Json list = Json::array();
  for (const auto& event : *events)
    list.push_back(to_json(event));
  return {{"name", server}, {"events", std::move(list)}};
}

Result<Json> own_events(OperationContext& context) {
  return listed(context.snapshot().server, events_of(context).list());
}

std::string_view name_of(KeptPlace::Kind kind) {
  constexpr std::array<std::string_view, 4> names = {"gone", "files", "wal", "database"};
  return names[static_cast<std::size_t>(kind)];
}

Json to_json(const KeptPlace& place) {
  Json first = Json::array();
  for (const auto& file : place.first)
    first.push_back({{"path", file.path}, {"size", file.size}, {"modified", utc_text(file.modified)}});
  return {{"path", place.path},
          {"kind", name_of(place.kind)},
          {"files", place.files},
          {"bytes", place.bytes},
          {"first", std::move(first)}};
}

Result<Json> show(OperationContext& context, std::uint64_t number) {
  TANDEM_TRY(const auto event, events_of(context).find(number));
  auto shown = to_json(event);
  shown["kept"] = Json::array();
  for (const auto& path : event.paths) {
    TANDEM_TRY(const auto place, look_into(context.ports().files, path, most_named));
    shown["kept"].push_back(to_json(place));
  }
  return shown;
}

Result<Json> tell_or_acknowledge(OperationContext& context) {
  if (context.params().contains("show")) {
    TANDEM_TRY(const auto number, peer::number_member(context.params(), "show"));
    return show(context, number);
  }
  if (context.params().contains("acknowledge")) {
    TANDEM_TRY(const auto number, peer::number_member(context.params(), "acknowledge"));
    TANDEM_TRY(const auto event, events_of(context).acknowledge(number));
    context.log(fmt::format("event {} was acknowledged: {}", number, event.text));
    return to_json(event);
  }
  TANDEM_TRY(auto own, own_events(context));
  return gather_from_servers(context, std::move(own), "server.events", Json::object());
}

} // namespace

Result<Events::Kept> Events::load() {
  const journal::StateFile file(files_, path_, "events", events_version);
  TANDEM_TRY(const auto content, file.load());
  Kept kept;
  if (!content) return kept;
  TANDEM_TRY(const auto json, peer::parse_json(content->content));
  TANDEM_TRY(kept.last, peer::number_member(json, "last"));
  for (const auto& one : json.value("events", Json::array())) {
    TANDEM_TRY(auto event, event_from(one));
    kept.events.push_back(std::move(event));
  }
  return kept;
}

Result<void> Events::store(const Kept& kept) {
  Json list = Json::array();
  for (const auto& event : kept.events)
    list.push_back(to_json(event));
  return journal::StateFile(files_, path_, "events", events_version)
      .store(Json{{"last", kept.last}, {"events", std::move(list)}}.dump());
}

Result<std::vector<Event>> Events::list() {
  const std::lock_guard guard(events_mutex());
  TANDEM_TRY(auto kept, load());
  return std::move(kept.events);
}

Result<void> Events::add(const std::string& time, const std::string& text, const std::vector<std::string>& paths) {
  const std::lock_guard guard(events_mutex());
  TANDEM_TRY(auto kept, load());
  if (std::ranges::find(kept.events, paths, &Event::paths) != kept.events.end()) return {};
  kept.events.push_back({.number = ++kept.last, .time = time, .text = text, .paths = paths});
  return store(kept);
}

Result<Event> Events::find(std::uint64_t number) {
  TANDEM_TRY(const auto events, list());
  const auto found = std::ranges::find(events, number, &Event::number);
  if (found == events.end())
    return fail(ErrorKind::not_found, fmt::format("this server has no event {}", number),
                "`tandem events` lists those of all servers; type this on the one that has it");
  return *found;
}

Result<Event> Events::acknowledge(std::uint64_t number) {
  TANDEM_TRY(auto event, find(number));
  const std::lock_guard guard(events_mutex());
  TANDEM_TRY(auto kept, load());
  for (const auto& path : event.paths)
    TANDEM_CHECK(files_.remove_tree(path));
  std::erase(kept.events, event);
  TANDEM_CHECK(store(kept));
  return event;
}

Operation events_operation() {
  return {.name = "events", .callers = {Caller::command}, .run = tell_or_acknowledge};
}

Operation server_events_operation() {
  return {.name = "server.events", .callers = {Caller::peer}, .run = own_events};
}

} // namespace tandem::agent
