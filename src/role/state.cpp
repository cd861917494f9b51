#include "role/state.hpp"

#include "role/json.hpp"

namespace tandem::role {

namespace {

Json to_json(const Change& change) {
  Json json;
  json["epoch"] = change.epoch;
  json["primary"] = change.primary;
  json["reason"] = change.reason;
  json["time"] = change.time;
  json["wal"] = change.wal;
  return json;
}

Result<Change> change_from(const Json& json) {
  Change change;
  Fields fields(json);
  fields.read_epoch("epoch", change.epoch);
  fields.read("primary", change.primary);
  fields.read("reason", change.reason);
  fields.read("time", change.time);
  fields.read("wal", change.wal);
  TANDEM_CHECK(fields.outcome("history"));
  return change;
}

Result<void> sound(const Kept& kept) {
  if (kept.epoch > 0 && kept.primary.empty()) return fail(ErrorKind::invalid, "role state: no primary is named");
  if (kept.epoch == 0 && !kept.primary.empty()) return fail(ErrorKind::invalid, "role state: epoch 0 has no primary");
  return {};
}

} // namespace

Kept first_kept(Epoch epoch, const std::string& primary, const Change& change) {
  Kept kept;
  kept.epoch = epoch;
  kept.primary = primary;
  kept.in_sync = {primary};
  kept.history.push_back(change);
  return kept;
}

std::string encode(const Kept& kept) {
  Json json;
  json["epoch"] = kept.epoch;
  json["primary"] = kept.primary;
  json["granting"] = kept.granting;
  json["refused"] = kept.refused;
  if (!kept.promised.empty()) json["promised"] = kept.promised;
  json["conflict"] = kept.conflict;
  json["incarnation"] = kept.incarnation;
  json["in_sync"] = kept.in_sync;
  json["latest_run"] = kept.latest_run;
  json["history"] = Json::array();
  for (const auto& change : kept.history)
    json["history"].push_back(to_json(change));
  return text_of(json);
}

Result<Kept> decode_kept(int version, const std::string& content) {
  if (version != kept_version)
    return fail(ErrorKind::invalid, fmt::format("role state: version {} is unknown", version));
  const auto json = Json::parse(content, nullptr, false);
  Kept kept;
  Fields fields(json);
  fields.read_epoch("epoch", kept.epoch);
  fields.read("primary", kept.primary);
  fields.read("granting", kept.granting);
  fields.read_epochs("refused", kept.refused);
  fields.read("conflict", kept.conflict);
  fields.read("incarnation", kept.incarnation);
  fields.read("in_sync", kept.in_sync);
  fields.read("latest_run", kept.latest_run);
  if (fields.has("promised")) {
    const auto& promised = json["promised"];
    Fields promises(promised);
    if (promised.is_object())
      for (const auto& [server, epoch] : promised.items())
        promises.read_epoch(server.c_str(), kept.promised[server]);
    TANDEM_CHECK(promises.outcome("role state, promised"));
  }
  Result<void> history;
  fields.each("history", &Json::is_object, [&](const Json& item) {
    if (auto change = change_from(item))
      kept.history.push_back(std::move(*change));
    else
      history = std::unexpected(std::move(change).error());
  });
  TANDEM_CHECK(fields.outcome("role state"));
  TANDEM_CHECK(history);
  TANDEM_CHECK(sound(kept));
  return kept;
}

Epoch next_epoch(const Kept& kept) {
  Epoch next = kept.epoch + 1;
  if (!kept.refused.empty()) next = std::max(next, *kept.refused.rbegin() + 2);
  if (!kept.promised.empty()) next = std::max(next, highest_promise(kept) + 1);
  return next;
}

Epoch highest_promise(const Kept& kept) {
  Epoch highest = 0;
  for (const auto& [server, epoch] : kept.promised)
    highest = std::max(highest, epoch);
  return highest;
}

} // namespace tandem::role
