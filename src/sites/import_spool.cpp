#include "sites/import_spool.hpp"

#include "base/text.hpp"
#include "sites/folders.hpp"

#include <nlohmann/json.hpp>

namespace tandem::sites {

using nlohmann::json;

namespace {

constexpr std::string_view taking = "taking";
constexpr std::string_view coming = "coming";
constexpr std::string_view waiting = "waiting";
constexpr std::string_view running = "running";
constexpr std::string_view failed_ones = "failed";
constexpr std::string_view done_ones = "done";
constexpr std::string_view gone = "gone";

constexpr auto* about_file = "/.about";
constexpr auto* log_file = "/.log";
constexpr std::chrono::days remembered{30};
constexpr std::uint32_t most_attempts = 5;
constexpr std::size_t looked_through = 5; // times as many as are asked for: most may have been handed on

std::string_view name_of(UploadState state) {
  return state == UploadState::waiting ? waiting : state == UploadState::running ? running : failed_ones;
}

const std::map<UploadFate, std::string>& fates() {
  static const std::map<UploadFate, std::string> names{
      {UploadFate::imported, "imported"}, {UploadFate::handed, "handed"}, {UploadFate::dropped, "dropped"}};
  return names;
}

json to_json(const Upload& upload) {
  return {{"name", upload.name},
          {"server", upload.server},
          {"inbox", upload.inbox},
          {"size", upload.size},
          {"interruptions", upload.interruptions},
          {"attempts", upload.attempts},
          {"offered", upload.offered},
          {"why", upload.why}};
}

// The library throws where a field is missing or of another type.
template <class T, class Read>
Result<T> read_json(const std::string& path, const std::string& text, const Read& read) {
  try {
    return read(json::parse(text));
  } catch (const json::exception& error) {
    return fail(ErrorKind::invalid, path + " is damaged: " + error.what());
  }
}

Upload upload_from(const json& document, const std::string& id) {
  Upload upload{.id = id,
                .name = document.at("name").get<std::string>(),
                .server = document.at("server").get<std::string>(),
                .inbox = document.at("inbox").get<std::string>(),
                .size = document.at("size").get<std::uint64_t>(),
                .interruptions = document.at("interruptions").get<std::uint32_t>(),
                .attempts = document.at("attempts").get<std::uint32_t>(),
                .offered = document.at("offered").get<std::string>(),
                .why = document.at("why").get<std::string>()};
  if (!is_upload_name(upload.name)) upload.name.clear();
  return upload;
}

DoneUpload done_from(const json& document, const std::string& id) {
  DoneUpload done{.upload = upload_from(document, id),
                  .to = document.at("to").get<std::string>(),
                  .at = document.at("at").get<std::int64_t>()};
  for (const auto& [fate, name] : fates())
    if (document.at("fate") == name) done.fate = fate;
  return done;
}

} // namespace

std::string ImportSpool::place(std::string_view state, const std::string& id) const {
  return fmt::format("{}/{}/{}", folder_, state, id);
}

std::string ImportSpool::content(UploadState state, const Upload& upload) const {
  return place(name_of(state), upload.id) + "/" + upload.name;
}

Result<void> ImportSpool::prepare() {
  const auto imports = folder_.substr(0, folder_.rfind('/'));
  TANDEM_CHECK(ensure_folder(files_, imports.substr(0, imports.rfind('/')), 0755, root));
  TANDEM_CHECK(ensure_folder(files_, imports, 0755, root));
  TANDEM_CHECK(ensure_folder(files_, folder_, 0750, reader_));
  for (const auto state : {taking, coming, waiting, running, failed_ones, done_ones, gone})
    TANDEM_CHECK(ensure_folder(files_, fmt::format("{}/{}", folder_, state), 0750, reader_));
  TANDEM_TRY(const auto left, ids(gone));
  for (const auto& id : left)
    TANDEM_CHECK(files_.remove_tree(place(gone, id)));
  TANDEM_TRY(const auto since, files_.status(folder_ + "/since"));
  return since ? Result<void>() : files_.write(folder_ + "/since", "", 0644, root);
}

Result<std::int64_t> ImportSpool::since() {
  TANDEM_TRY(const auto found, files_.status(folder_ + "/since"));
  if (!found) return failed(folder_ + "/since is gone");
  return found->modified_ns;
}

Result<void> ImportSpool::write_about(const std::string& folder, const Upload& upload) {
  return files_.write(folder + about_file, to_json(upload).dump(2) + "\n", 0640, reader_);
}

Result<Upload> ImportSpool::read_about(const std::string& folder, const std::string& id) {
  TANDEM_TRY(const auto text, files_.read(folder + about_file));
  TANDEM_TRY(auto upload, read_json<Upload>(folder + about_file, text,
                                            [&](const json& document) { return upload_from(document, id); }));
  if (upload.name.empty()) return fail(ErrorKind::invalid, folder + about_file + " names no upload");
  return upload;
}

Result<std::vector<std::string>> ImportSpool::ids(std::string_view state) {
  TANDEM_TRY(auto names, files_.list(fmt::format("{}/{}", folder_, state)));
  std::erase_if(names, [](const std::string& name) { return !is_upload_id(name); });
  return names;
}

Result<bool> ImportSpool::is_in(std::string_view state, const std::string& id) {
  TANDEM_TRY(const auto found, files_.status(place(state, id)));
  return found.has_value();
}

Result<void> ImportSpool::move(std::string_view from, std::string_view to, const std::string& id) {
  return files_.rename(place(from, id), place(to, id));
}

namespace {

// Where an upload lies on its way from one file system to another: no name that any import takes.
std::string aside_of(const Upload& upload) {
  return upload.inbox.substr(0, upload.inbox.rfind('/')) + "/." + upload.id;
}

} // namespace

Result<void> ImportSpool::take(const Upload& upload) {
  const auto folder = place(taking, upload.id);
  TANDEM_CHECK(ensure_folder(files_, folder, 0750, reader_));
  TANDEM_CHECK(write_about(folder, upload));
  const auto moved = uploads_.move(upload.inbox, aside_of(upload), folder + "/" + upload.name);
  if (!moved && moved.error().kind == ErrorKind::unavailable) return {}; // somebody writes to it
  return moved ? settle_one(upload.id) : moved;
}

Result<void> ImportSpool::finish_taking() {
  TANDEM_TRY(const auto all, ids(taking));
  std::optional<Error> problem;
  for (const auto& id : all)
    if (const auto settled = settle_one(id); !settled && !problem) problem = settled.error();
  return problem ? Result<void>(std::unexpected(*problem)) : Result<void>();
}

// What was moved is nobody's any more who could put something else in its place. Somebody who had it open for writing
// may go on: it is looked at again until nobody has.
Result<void> ImportSpool::settle_one(const std::string& id) {
  const auto folder = place(taking, id);
  const auto about = read_about(folder, id);
  if (!about && about.error().kind == ErrorKind::not_found) return files_.remove(folder); // nothing was moved yet
  if (!about) return std::unexpected(about.error());
  auto upload = *about;
  const auto path = folder + "/" + upload.name;
  const auto aside = aside_of(upload);
  TANDEM_TRY(const auto beside, files_.status(aside));
  TANDEM_TRY(auto found, files_.status(path));
  if (beside && found) TANDEM_CHECK(files_.remove(aside));
  if (beside && !found) {
    const auto moved = uploads_.move(aside, aside, path);
    if (!moved) return moved.error().kind == ErrorKind::unavailable ? Result<void>() : moved;
    TANDEM_TRY(found, files_.status(path));
  }
  if (!found || found->type != system::FileType::regular) return discard(taking, id);
  TANDEM_CHECK(files_.set_owner(path, reader_));
  TANDEM_CHECK(files_.set_mode(path, 0640));
  TANDEM_TRY(const bool written, uploads_.is_being_written(path));
  if (written) return {};
  TANDEM_TRY(found, files_.status(path));
  upload.size = found ? found->size : 0;
  TANDEM_CHECK(files_.settle({path}));
  TANDEM_CHECK(write_about(folder, upload));
  return move(taking, waiting, id);
}

Result<std::vector<Upload>> ImportSpool::list(UploadState state) {
  TANDEM_TRY(const auto all, ids(name_of(state)));
  std::vector<Upload> uploads;
  for (const auto& id : all) {
    TANDEM_TRY(auto upload, read_about(place(name_of(state), id), id));
    uploads.push_back(std::move(upload));
  }
  return uploads;
}

Result<std::vector<DoneUpload>> ImportSpool::done(std::size_t most) {
  TANDEM_TRY(auto all, ids(done_ones));
  std::ranges::reverse(all);
  if (all.size() > most * looked_through) all.resize(most * looked_through);
  std::vector<DoneUpload> uploads;
  for (const auto& id : all) {
    if (uploads.size() == most) break;
    const auto path = place(done_ones, id);
    TANDEM_TRY(const auto text, files_.read(path));
    TANDEM_TRY(auto done,
               read_json<DoneUpload>(path, text, [&](const json& document) { return done_from(document, id); }));
    if (done.fate != UploadFate::handed) uploads.push_back(std::move(done));
  }
  std::ranges::reverse(uploads);
  return uploads;
}

Result<std::map<std::string, std::size_t>> ImportSpool::count() {
  std::map<std::string, std::size_t> counts;
  for (const auto state : {taking, coming, waiting, running, failed_ones}) {
    const auto all = ids(state);
    if (!all && all.error().kind != ErrorKind::not_found) return std::unexpected(all.error());
    if (all && !all->empty()) counts[std::string(state)] = all->size();
  }
  return counts;
}

Result<bool> ImportSpool::knows(const std::string& id) {
  for (const auto state : {waiting, running, failed_ones}) {
    TANDEM_TRY(const bool here, is_in(state, id));
    if (here) return true;
  }
  TANDEM_TRY(const bool was, is_in(done_ones, id));
  if (!was) return false;
  TANDEM_TRY(const auto text, files_.read(place(done_ones, id)));
  TANDEM_TRY(const auto record, read_json<DoneUpload>(place(done_ones, id), text,
                                                      [&](const json& document) { return done_from(document, id); }));
  return record.fate != UploadFate::handed;
}

Result<std::string> ImportSpool::log(const std::string& id) {
  return files_.read(place(failed_ones, id) + log_file);
}

Result<void> ImportSpool::begin(const Upload& upload) {
  for (const auto* name : {"/begun", "/cut", "/result"})
    TANDEM_CHECK(files_.remove(folder_ + name));
  TANDEM_CHECK(files_.write(folder_ + "/upload.env",
                            systemd_variables({{"TANDEM_UPLOAD", content(UploadState::running, upload)}}), 0640, root));
  return move(waiting, running, upload.id);
}

Result<ImportTraces> ImportSpool::traces() {
  TANDEM_TRY(const auto begun, files_.status(folder_ + "/begun"));
  TANDEM_TRY(const auto cut, files_.status(folder_ + "/cut"));
  auto result = files_.read(folder_ + "/result");
  if (!result && result.error().kind != ErrorKind::not_found) return std::unexpected(result.error());
  return ImportTraces{.begun = begun.has_value(), .cut = cut.has_value(), .result = result.value_or("")};
}

Result<ImportEnding> ImportSpool::end(const Upload& upload, bool primary,
                                      const std::function<std::string(const std::string& invocation)>& log) {
  using Kind = ImportEnding::Kind;
  TANDEM_TRY(const auto left, traces());
  auto ending = import_ending(left, primary);
  if (ending.kind == Kind::succeeded) {
    TANDEM_CHECK(conclude(running, upload, UploadFate::imported));
    return ending;
  }
  auto changed = upload;
  if (ending.kind == Kind::interrupted) ++changed.interruptions;
  changed.attempts = ending.kind == Kind::never_began ? upload.attempts + 1 : 0;
  if (changed.attempts >= most_attempts)
    ending = {.kind = Kind::failed,
              .why = "its command could not be started: systemctl status shows the unit's troubles"};
  const auto folder = place(running, upload.id);
  if (ending.kind == Kind::failed) {
    changed.why = ending.why;
    const auto invocation = files_.read(folder_ + "/begun");
    TANDEM_CHECK(files_.write(folder + log_file, log(without_line_end(invocation.value_or(""))), 0640, root));
  }
  TANDEM_CHECK(write_about(folder, changed));
  TANDEM_CHECK(move(running, ending.kind == Kind::failed ? failed_ones : waiting, upload.id));
  return ending;
}

Result<void> ImportSpool::conclude(std::string_view from, const Upload& upload, UploadFate fate,
                                   const std::string& to) {
  auto record = to_json(upload);
  record["fate"] = fates().at(fate);
  record["to"] = to;
  record["at"] = std::chrono::duration_cast<std::chrono::seconds>(clock_.wall_time().time_since_epoch()).count();
  TANDEM_CHECK(files_.write(place(done_ones, upload.id), record.dump(2) + "\n", 0640, root));
  TANDEM_CHECK(discard(from, upload.id));
  return forget_old();
}

Result<void> ImportSpool::discard(std::string_view from, const std::string& id) {
  TANDEM_CHECK(files_.remove_tree(place(gone, id)));
  TANDEM_CHECK(move(from, gone, id));
  return files_.remove_tree(place(gone, id));
}

Result<void> ImportSpool::forget_old() {
  const auto oldest = std::chrono::nanoseconds((clock_.wall_time() - remembered).time_since_epoch()).count();
  for (const auto state : {done_ones, coming}) { // of what came in parts the sender may have thought better
    TANDEM_TRY(const auto all, ids(state));
    for (const auto& id : all) {
      TANDEM_TRY(const auto found, files_.status(place(state, id)));
      if (found && found->modified_ns < oldest) TANDEM_CHECK(files_.remove_tree(place(state, id)));
    }
  }
  return {};
}

Result<void> ImportSpool::offer(Upload upload, const std::string& server) {
  if (upload.offered == server) return {};
  upload.offered = server;
  return write_about(place(waiting, upload.id), upload);
}

Result<void> ImportSpool::hand(const Upload& upload, const std::string& server) {
  return conclude(waiting, upload, UploadFate::handed, server);
}

Result<void> ImportSpool::take_back(Upload upload) {
  upload.offered.clear();
  return write_about(place(waiting, upload.id), upload);
}

Result<void> ImportSpool::receive(const Upload& upload, std::uint64_t offset, const std::string& bytes) {
  const auto folder = place(coming, upload.id);
  const auto path = folder + "/" + upload.name;
  if (offset == 0) {
    TANDEM_CHECK(files_.remove_tree(folder));
    TANDEM_CHECK(ensure_folder(files_, folder, 0750, reader_));
    TANDEM_CHECK(files_.write(path, "", 0640, reader_));
  }
  TANDEM_TRY(const auto found, files_.status(path));
  if (!found || found->size != offset)
    return fail(ErrorKind::refused, "the parts of an upload come in another order than they were sent");
  TANDEM_CHECK(files_.append(path, bytes));
  if (offset + bytes.size() < upload.size) return {};
  auto arrived = upload;
  arrived.offered.clear();
  arrived.why.clear();
  arrived.attempts = 0;
  TANDEM_CHECK(write_about(folder, arrived));
  return move(coming, waiting, upload.id);
}

Result<bool> ImportSpool::give_back(const std::string& id, const std::string& server) {
  TANDEM_CHECK(files_.remove_tree(place(coming, id)));
  TANDEM_TRY(const bool waits, is_in(waiting, id));
  if (waits) {
    TANDEM_TRY(const auto upload, read_about(place(waiting, id), id));
    TANDEM_CHECK(hand(upload, server));
    return true;
  }
  TANDEM_TRY(const bool known, knows(id));
  return !known;
}

Result<void> ImportSpool::retry(const std::string& id) {
  const auto folder = place(failed_ones, id);
  TANDEM_TRY(auto upload, read_about(folder, id));
  upload.why.clear();
  upload.attempts = 0;
  TANDEM_CHECK(write_about(folder, upload));
  return move(failed_ones, waiting, id);
}

Result<void> ImportSpool::drop(const std::string& id) {
  for (const auto state : {failed_ones, waiting}) {
    TANDEM_TRY(const bool here, is_in(state, id));
    if (!here) continue;
    TANDEM_TRY(const auto upload, read_about(place(state, id), id));
    if (!upload.offered.empty())
      return fail(ErrorKind::refused, upload.offered + " may have it already",
                  "Once `tandem imports` names no server beside it, or lists it there");
    return conclude(state, upload, UploadFate::dropped);
  }
  return fail(ErrorKind::not_found, "no upload " + id + " failed or waits here");
}

} // namespace tandem::sites
