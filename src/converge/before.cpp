#include "converge/before.hpp"

#include "converge/ledger.hpp"

#include <nlohmann/json.hpp>

namespace tandem::converge {

namespace {

using nlohmann::json;

constexpr int version_of_before = 1;

std::string word_of(system::FileType type) {
  switch (type) {
  case system::FileType::regular:
    return "file";
  case system::FileType::folder:
    return "folder";
  case system::FileType::link:
    return "link";
  case system::FileType::other:
    return "other";
  }
  return {};
}

system::FileType type_of(const std::string& name) {
  for (const auto type : {system::FileType::regular, system::FileType::folder, system::FileType::link})
    if (word_of(type) == name) return type;
  return system::FileType::other;
}

json to_json(const PathBefore& path) {
  json entry{{"path", path.path}};
  if (!path.was) return entry;
  entry["was"] = word_of(path.was->type);
  if (path.was->type == system::FileType::link) {
    entry["target"] = path.was->target;
    return entry;
  }
  entry["mode"] = path.was->mode;
  entry["uid"] = path.was->uid;
  entry["gid"] = path.was->gid;
  if (!path.kept.empty()) entry["kept"] = path.kept;
  return entry;
}

json to_json(const UnitBefore& unit) {
  json entry{{"unit", unit.name}, {"running", unit.running}};
  if (unit.enabled) entry["enabled"] = *unit.enabled;
  return entry;
}

json to_json(const UserBefore& user) {
  return {{"user", user.name},
          {"shell", user.shell},
          {"group", user.group},
          {"password", user.password},
          {"joined", user.joined}};
}

json to_json(const DatabaseBefore& database) {
  return {{"database", database.name}, {"owner", database.owner}, {"open_to_all", database.open_to_all}};
}

json to_json(const RoleBefore& role) {
  return {{"role", role.name}, {"login", role.login}, {"replication", role.replication}};
}

PathBefore path_from(const json& entry) {
  PathBefore path{.path = entry.at("path").get<std::string>(), .was = {}, .kept = entry.value("kept", std::string())};
  if (!entry.contains("was")) return path;
  path.was.emplace();
  path.was->type = type_of(entry.at("was").get<std::string>());
  path.was->target = entry.value("target", std::string());
  path.was->mode = entry.value("mode", 0U);
  path.was->uid = entry.value("uid", 0U);
  path.was->gid = entry.value("gid", 0U);
  return path;
}

Thing thing_from(const json& entry) {
  if (entry.contains("path")) return path_from(entry);
  if (entry.contains("unit"))
    return UnitBefore{.name = entry.at("unit").get<std::string>(),
                      .enabled = entry.contains("enabled") ? std::optional(entry.at("enabled").get<bool>())
                                                           : std::optional<bool>(),
                      .running = entry.at("running").get<bool>()};
  if (entry.contains("user"))
    return UserBefore{.name = entry.at("user").get<std::string>(),
                      .shell = entry.at("shell").get<std::string>(),
                      .group = entry.at("group").get<std::string>(),
                      .password = entry.at("password").get<std::string>(),
                      .joined = entry.at("joined").get<std::vector<std::string>>()};
  if (entry.contains("database"))
    return DatabaseBefore{.name = entry.at("database").get<std::string>(),
                          .owner = entry.at("owner").get<std::string>(),
                          .open_to_all = entry.at("open_to_all").get<bool>()};
  return RoleBefore{.name = entry.at("role").get<std::string>(),
                    .login = entry.at("login").get<bool>(),
                    .replication = entry.at("replication").get<bool>()};
}

} // namespace

Result<void> Before::load(system::Files& files) {
  things_.clear();
  const auto text = files.read(path_);
  if (!text && text.error().kind == ErrorKind::not_found) return {};
  if (!text) return std::unexpected(text.error());
  wanted_ = true;
  try {
    const auto document = json::parse(*text);
    if (document.at("version").get<int>() != version_of_before)
      return failed(path_ + " was written by another version of tandem", "Install the newer tandem on this server.");
    for (const auto& entry : document.at("things")) {
      Former former{.id = entry.at("id").get<std::string>(), .thing = thing_from(entry)};
      for (const auto& reaction : entry.at("reactions")) {
        TANDEM_TRY(const auto kind, reaction_kind_of(reaction.at(0).get<std::string>()));
        former.reactions.push_back({kind, reaction.at(1).get<std::string>()});
      }
      things_.push_back(std::move(former));
    }
  } catch (const json::exception& error) {
    return failed(path_ + " is damaged: " + error.what(),
                  "Move it away; then what this server was before tandem is not known any more.");
  }
  return {};
}

Result<void> Before::save(system::Files& files) const {
  if (things_.empty()) return files.remove(path_);
  auto list = json::array();
  for (const auto& former : things_) {
    auto entry = std::visit([](const auto& thing) { return to_json(thing); }, former.thing);
    entry["id"] = former.id;
    entry["reactions"] = json::array();
    for (const auto& reaction : former.reactions)
      entry["reactions"].push_back({name_of(reaction.kind), reaction.unit});
    list.push_back(std::move(entry));
  }
  const json document{{"version", version_of_before}, {"things", std::move(list)}};
  return files.write(path_, document.dump(1, ' ', false, json::error_handler_t::replace) + "\n", 0600, {});
}

void Before::expect(const Resource& resource) {
  if (wanted_ && !resource.reactions.empty()) expected_[id_of(resource.kind)] = resource.reactions;
}

bool Before::has(const std::string& id) const {
  return std::ranges::find(things_, id, &Former::id) != things_.end();
}

Result<void> Before::note(system::Files& files, const std::string& id, Thing thing) {
  if (!wanted_ || has(id)) return {};
  const auto expected = expected_.find(id);
  things_.push_back({.id = id,
                     .thing = std::move(thing),
                     .reactions = expected == expected_.end() ? std::vector<Reaction>() : expected->second});
  return save(files);
}

Result<void> Before::put_back(system::Files& files, const std::string& id) {
  std::erase_if(things_, [&](const Former& former) { return former.id == id; });
  return save(files);
}

} // namespace tandem::converge
