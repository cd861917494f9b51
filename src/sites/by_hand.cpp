#include "sites/by_hand.hpp"

#include "base/text.hpp"
#include "sites/folders.hpp"

#include <nlohmann/json.hpp>

namespace tandem::sites {

using nlohmann::json;

namespace {

constexpr int version_of_record = 1;
constexpr std::string_view comment = "# by hand until tandem: ";

bool is_plain_path(const std::string& path) {
  return path.starts_with('/') && !path.contains("/../") && !path.ends_with("/..") &&
         std::ranges::all_of(path, [](unsigned char letter) { return letter >= ' ' && letter != 0x7f; });
}

bool is_unit_name(const std::string& name) {
  return name.ends_with(".service") && !name.contains('/') && !name.contains(' ') && !name.starts_with('-');
}

json to_json(const std::vector<model::CronEntry>& entries) {
  auto list = json::array();
  for (const auto& entry : entries)
    list.push_back({{"file", entry.file}, {"line", entry.line}});
  return list;
}

std::vector<model::CronEntry> cron_from(const json& list) {
  std::vector<model::CronEntry> entries;
  for (const auto& entry : list)
    entries.push_back({entry.at("file").get<std::string>(), entry.at("line").get<std::string>()});
  return entries;
}

model::ByHand record_from(const json& document) {
  model::ByHand by_hand{.sites = {}, .cron = cron_from(document.at("cron"))};
  for (const auto& site : document.at("sites"))
    by_hand.sites.push_back({.domain = site.at("site").get<std::string>(),
                             .socket = site.at("socket").get<std::string>(),
                             .unit = site.at("unit").get<std::string>(),
                             .workers = site.at("workers").get<std::vector<std::string>>(),
                             .nginx = site.at("nginx").get<std::vector<std::string>>(),
                             .cron = cron_from(site.at("cron")),
                             .certificate = site.at("certificate").get<std::string>(),
                             .key = site.at("key").get<std::string>()});
  return by_hand;
}

bool are_paths(const std::vector<model::CronEntry>& entries) {
  return std::ranges::all_of(entries, [](const auto& entry) { return is_plain_path(entry.file); });
}

bool is_sound(const model::SiteByHand& site) {
  return is_plain_path("/" + site.domain) && !site.domain.contains('/') &&
         (site.socket.empty() || is_plain_path(site.socket)) && (site.unit.empty() || is_unit_name(site.unit)) &&
         std::ranges::all_of(site.workers, is_unit_name) && std::ranges::all_of(site.nginx, is_plain_path) &&
         are_paths(site.cron) && (site.certificate.empty() || is_plain_path(site.certificate)) &&
         (site.key.empty() || is_plain_path(site.key));
}

Result<std::optional<system::FileStatus>> folder_or_link(system::Files& files, const std::string& path) {
  TANDEM_TRY(auto status, files.status(path));
  if (status && status->type != system::FileType::folder && status->type != system::FileType::link)
    return fail(ErrorKind::refused, path + " is neither a folder nor a link");
  return status;
}

bool is_folder(const std::optional<system::FileStatus>& status) {
  return status && status->type == system::FileType::folder;
}

std::string with_other_line(const std::string& text, const std::string& line, const std::string& other) {
  std::string result;
  for (const auto& one : lines_of(text))
    result += (one == line ? other : one) + "\n";
  return text.ends_with('\n') || text.empty() ? result : result.substr(0, result.size() - 1);
}

Result<void> change_lines(system::Files& files, const std::vector<model::CronEntry>& entries,
                          std::string (*change)(const std::string& text, const std::string& line)) {
  for (const auto& entry : entries) {
    TANDEM_TRY(const auto status, files.status(entry.file));
    if (!status || status->type != system::FileType::regular || entry.line.empty()) continue;
    TANDEM_TRY(const auto text, files.read(entry.file));
    const auto changed = change(text, entry.line);
    if (changed != text) TANDEM_CHECK(files.write(entry.file, changed, status->mode, {status->uid, status->gid}));
  }
  return {};
}

} // namespace

std::string to_text(const model::ByHand& by_hand) {
  auto sites = json::array();
  for (const auto& site : by_hand.sites)
    sites.push_back({{"site", site.domain},
                     {"socket", site.socket},
                     {"unit", site.unit},
                     {"workers", site.workers},
                     {"nginx", site.nginx},
                     {"cron", to_json(site.cron)},
                     {"certificate", site.certificate},
                     {"key", site.key}});
  return json{{"version", version_of_record}, {"sites", sites}, {"cron", to_json(by_hand.cron)}}.dump(
             2, ' ', false, json::error_handler_t::replace) +
         "\n";
}

Result<model::ByHand> by_hand_from(const std::string& text) {
  model::ByHand by_hand;
  try {
    const auto document = json::parse(text);
    if (document.at("version").get<int>() != version_of_record)
      return fail(ErrorKind::refused, "it was written by another version of tandem");
    by_hand = record_from(document);
  } catch (const json::exception& error) {
    return fail(ErrorKind::invalid, std::string("it is damaged: ") + error.what());
  }
  if (!are_paths(by_hand.cron) || !std::ranges::all_of(by_hand.sites, is_sound))
    return fail(ErrorKind::invalid, "it names a path or a unit that is none");
  return by_hand;
}

model::ByHand of_pair(const model::Pair& pair, model::ByHand by_hand) {
  std::erase_if(by_hand.sites, [&](const model::SiteByHand& site) { return pair.site(site.domain) == nullptr; });
  return by_hand;
}

std::string with_comment(const std::string& text, const std::string& line) {
  return with_other_line(text, line, std::string(comment) + line);
}

std::string without_comment(const std::string& text, const std::string& line) {
  return with_other_line(text, std::string(comment) + line, line);
}

Result<void> comment_out(system::Files& files, const std::vector<model::CronEntry>& entries) {
  return change_lines(files, entries, with_comment);
}

Result<void> uncomment(system::Files& files, const std::vector<model::CronEntry>& entries) {
  return change_lines(files, entries, without_comment);
}

Result<std::optional<model::SiteByHand>> SiteByHand::known() {
  const auto path = tools_.layout.by_hand(domain_);
  const auto text = tools_.ports.files.read(path);
  if (!text && text.error().kind == ErrorKind::not_found) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  auto by_hand = by_hand_from(*text);
  if (!by_hand) return std::unexpected(std::move(by_hand).error().within(path));
  const auto* site = by_hand->site(domain_);
  return site == nullptr ? std::optional<model::SiteByHand>() : *site;
}

Result<std::optional<model::SiteByHand>> SiteByHand::serving() {
  TANDEM_TRY(const auto status, tools_.ports.files.status(tools_.layout.site_link(domain_)));
  if (!is_folder(status)) return std::nullopt;
  return known();
}

Result<void> SiteByHand::take(const model::Site& site, const model::SiteByHand& by_hand) {
  auto& files = tools_.ports.files;
  const auto& layout = tools_.layout;
  for (const auto& path : {layout.state, layout.state + "/sites", layout.state_folder(domain_)})
    TANDEM_CHECK(files.make_folder(path, 0700, root));
  TANDEM_CHECK(
      files.write(layout.by_hand(domain_), to_text(model::ByHand{.sites = {by_hand}, .cron = {}}), 0600, root));
  TANDEM_CHECK(note(site, by_hand));
  const auto folder = layout.site_folder(domain_);
  for (const auto& path : {folder.substr(0, folder.rfind('/')), folder, folder + "/shared"})
    TANDEM_CHECK(ensure_folder(files, path, 0755, root));
  for (const auto& kept : site.folders)
    TANDEM_CHECK(take_folder(kept.name));
  return {};
}

// "unit NAME enabled running" of those that were, "folder NAME MODE UID GID": a line each, once.
Result<void> SiteByHand::note(const model::Site& site, const model::SiteByHand& by_hand) {
  const auto path = tools_.layout.notes_by_hand(domain_);
  TANDEM_TRY(const auto there, tools_.ports.files.status(path));
  if (there) return {};
  auto units = by_hand.workers;
  if (!by_hand.unit.empty()) units.insert(units.begin(), by_hand.unit);
  std::string text;
  for (const auto& unit : units) {
    TANDEM_TRY(const auto now, tools_.ports.services.status(unit));
    const bool runs = now.active != "inactive" && now.active != "failed";
    text += fmt::format("unit {}{}{}\n", unit, now.file == "enabled" ? " enabled" : "", runs ? " running" : "");
  }
  for (const auto& kept : site.folders) {
    TANDEM_TRY(const auto folder, tools_.ports.files.status(tools_.layout.site_link(domain_) + "/" + kept.name));
    if (is_folder(folder))
      text += fmt::format("folder {} {:o} {} {}\n", kept.name, folder->mode, folder->uid, folder->gid);
  }
  return tools_.ports.files.write(path, text, 0600, root);
}

// The words behind that name; nullopt: nothing was noted of it.
Result<std::optional<std::vector<std::string>>> SiteByHand::noted(const std::string& kind, const std::string& name) {
  const auto text = tools_.ports.files.read(tools_.layout.notes_by_hand(domain_));
  if (!text && text.error().kind == ErrorKind::not_found) return std::nullopt;
  TANDEM_CHECK(text);
  for (const auto& line : lines_of(*text)) {
    const auto words = split(line, ' ');
    if (words.size() >= 2 && words[0] == kind && words[1] == name)
      return std::vector<std::string>(words.begin() + 2, words.end());
  }
  return std::nullopt;
}

// The link lies where the folder will, and leads to itself until the two have changed places.
Result<void> SiteByHand::take_folder(const std::string& name) {
  auto& files = tools_.ports.files;
  const auto own = tools_.layout.site_link(domain_) + "/" + name;
  const auto shared = tools_.layout.shared(domain_, name);
  TANDEM_TRY(const auto here, folder_or_link(files, own));
  if (!here || (here->type == system::FileType::link && here->target == shared)) return {};
  if (here->type == system::FileType::link)
    return fail(ErrorKind::refused,
                fmt::format("{} is a link to {}, and tandem keeps it as a folder", own, here->target),
                "Make it a folder, or take it out of the site's `folders`.");
  TANDEM_TRY(const auto there, folder_or_link(files, shared));
  if (is_folder(there)) {
    TANDEM_TRY(const auto names, files.list(shared));
    if (!names.empty())
      return fail(ErrorKind::refused, fmt::format("both {} and {} hold files", own, shared),
                  "Bring them together in the first, and empty the second.");
    TANDEM_CHECK(files.remove(shared));
  }
  TANDEM_CHECK(files.make_link(shared, shared));
  return files.exchange(own, shared);
}

Result<void> SiteByHand::change_places(const std::string& target) {
  auto& files = tools_.ports.files;
  const auto link = tools_.layout.site_link(domain_);
  TANDEM_TRY(const auto here, folder_or_link(files, link));
  if (!is_folder(here)) return files.make_link(link, target);
  for (int number = 1;; ++number) {
    const auto kept = tools_.layout.kept_by_hand(domain_, number);
    TANDEM_TRY(const auto there, folder_or_link(files, kept));
    if (is_folder(there)) continue; // of an earlier attempt, on a standby
    TANDEM_CHECK(files.make_link(kept, target));
    return files.exchange(link, kept);
  }
}

Result<void> SiteByHand::change_back() {
  auto& files = tools_.ports.files;
  const auto link = tools_.layout.site_link(domain_);
  std::optional<std::string> latest;
  for (int number = 1;; ++number) {
    const auto kept = tools_.layout.kept_by_hand(domain_, number);
    TANDEM_TRY(const auto there, folder_or_link(files, kept));
    if (!is_folder(there)) break;
    latest = kept;
  }
  if (!latest) return {};
  TANDEM_TRY(const auto here, folder_or_link(files, link));
  if (is_folder(here)) return {};
  if (!here) return files.rename(*latest, link);
  TANDEM_CHECK(files.exchange(link, *latest));
  return files.remove(*latest);
}

// Known first: whoever looks between the two finds a folder that serves, or a link to a release that does.
Result<std::string> SiteByHand::take_back() {
  auto& files = tools_.ports.files;
  const auto was = tools_.layout.was_by_hand(domain_);
  TANDEM_TRY(const auto ended, files.status(was));
  if (ended) TANDEM_CHECK(files.rename(was, tools_.layout.by_hand(domain_)));
  TANDEM_TRY(const auto here, folder_or_link(files, tools_.layout.site_link(domain_)));
  TANDEM_CHECK(change_back());
  return here && here->type == system::FileType::link ? here->target : std::string();
}

Result<void> SiteByHand::return_folders(const model::Site& site) {
  auto& files = tools_.ports.files;
  for (const auto& kept : site.folders) {
    TANDEM_CHECK(return_folder(kept.name));
    TANDEM_CHECK(return_access(kept.name));
  }
  for (const auto& path :
       {tools_.layout.by_hand(domain_), tools_.layout.was_by_hand(domain_), tools_.layout.notes_by_hand(domain_)})
    TANDEM_CHECK(files.remove(path));
  return {};
}

// What releases found there leads to the folder from then on.
Result<void> SiteByHand::return_folder(const std::string& name) {
  auto& files = tools_.ports.files;
  const auto own = tools_.layout.site_link(domain_) + "/" + name;
  const auto shared = tools_.layout.shared(domain_, name);
  TANDEM_TRY(const auto here, files.status(own));
  TANDEM_TRY(const auto there, files.status(shared));
  const bool taken = here && here->type == system::FileType::link && here->target == shared;
  if (taken && is_folder(there)) TANDEM_CHECK(files.exchange(own, shared));
  if (!here && is_folder(there)) { // releases alone have had it
    TANDEM_CHECK(files.rename(shared, own));
    return files.make_link(shared, own);
  }
  if (taken || (there && there->type == system::FileType::link)) return files.make_link(shared, own);
  return {};
}

// A deploy has made it what tandem.toml says.
Result<void> SiteByHand::return_access(const std::string& name) {
  auto& files = tools_.ports.files;
  const auto own = tools_.layout.site_link(domain_) + "/" + name;
  TANDEM_TRY(const auto words, noted("folder", name));
  TANDEM_TRY(const auto here, files.status(own));
  if (!words || words->size() != 3 || !is_folder(here)) return {};
  const auto uid = to_number((*words)[1]);
  const auto gid = to_number((*words)[2]);
  if (!uid || !gid) return {};
  TANDEM_CHECK(files.set_owner(own, {static_cast<std::uint32_t>(*uid), static_cast<std::uint32_t>(*gid)}));
  return files.set_mode(own, static_cast<std::uint32_t>(std::strtoul((*words)[0].c_str(), nullptr, 8)));
}

Result<void> SiteByHand::begin_unit(const std::string& unit, bool unless_noted, bool must_run, const Tell& tell) {
  auto& services = tools_.ports.services;
  TANDEM_TRY(const auto words, noted("unit", unit));
  const auto was = [&](const char* word) {
    return words ? std::ranges::find(*words, word) != words->end() : unless_noted;
  };
  const bool was_enabled = was("enabled");
  const bool ran = was("running");
  TANDEM_TRY(const auto status, services.status(unit));
  if (status.file == "disabled" && was_enabled) TANDEM_CHECK(services.enable(unit));
  if (!(ran || must_run) || status.active == "active" || status.active == "activating") return {};
  tell("starting " + unit);
  return services.start(unit);
}

Result<void> SiteByHand::begin(bool serves, const Tell& tell) {
  TANDEM_TRY(const auto by_hand, known());
  if (!by_hand) return {};
  if (!by_hand->unit.empty()) TANDEM_CHECK(begin_unit(by_hand->unit, serves, serves, tell));
  for (const auto& worker : by_hand->workers)
    TANDEM_CHECK(begin_unit(worker, serves, false, tell));
  return uncomment(tools_.ports.files, by_hand->cron);
}

Result<void> SiteByHand::end_unit(const std::string& unit, const Tell& tell) {
  auto& services = tools_.ports.services;
  TANDEM_TRY(const auto status, services.status(unit));
  if (status.file == "enabled") TANDEM_CHECK(services.disable(unit));
  if (status.active == "inactive" || status.active == "failed") return {};
  tell("stopping " + unit);
  return services.stop(unit);
}

Result<void> SiteByHand::end(std::chrono::milliseconds limit, const Tell& tell) {
  TANDEM_TRY(const auto by_hand, known());
  if (!by_hand) return {};
  auto& files = tools_.ports.files;
  TANDEM_CHECK(comment_out(files, by_hand->cron));
  for (const auto& worker : by_hand->workers)
    TANDEM_CHECK(end_unit(worker, tell));
  if (!by_hand->socket.empty()) {
    TANDEM_TRY(const bool idle, tools_.applications.wait_idle(by_hand->socket, limit));
    if (!idle) tell("the application that was set up by hand still had requests; they are cut");
  }
  if (by_hand->unit.empty())
    tell("what runs the application that was set up by hand runs others as well; end that of " + domain_ + " by hand");
  else
    TANDEM_CHECK(end_unit(by_hand->unit, tell));
  return files.rename(tools_.layout.by_hand(domain_), tools_.layout.was_by_hand(domain_));
}

} // namespace tandem::sites
