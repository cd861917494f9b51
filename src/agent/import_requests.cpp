// What other servers and people ask of the keeper of imports.
#include "agent/configuration.hpp"
#include "agent/import_keeper.hpp"
#include "agent/import_spools.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

Result<sites::Upload> upload_of(const Json& params) {
  sites::Upload upload;
  TANDEM_TRY(upload.id, peer::text_member(params, "id"));
  TANDEM_TRY(upload.name, peer::text_member(params, "name"));
  TANDEM_TRY(upload.server, peer::text_member(params, "server"));
  TANDEM_TRY(upload.inbox, peer::text_member(params, "inbox"));
  TANDEM_TRY(upload.size, peer::number_member(params, "size"));
  TANDEM_TRY(const auto interruptions, peer::number_member(params, "interruptions"));
  upload.interruptions = static_cast<std::uint32_t>(interruptions);
  if (!sites::is_upload_id(upload.id) || !sites::is_upload_name(upload.name))
    return fail(ErrorKind::invalid, "an upload without a proper id or name");
  return upload;
}

} // namespace

Result<Json> ImportKeeper::receive(OperationContext& context) {
  const auto& params = context.params();
  TANDEM_TRY(const auto upload, upload_of(params));
  TANDEM_TRY(const auto domain, peer::text_member(params, "domain"));
  TANDEM_TRY(const auto offset, peer::number_member(params, "offset"));
  TANDEM_TRY(const auto data, peer::text_member(params, "data"));
  TANDEM_TRY(const auto bytes, from_base64(data));
  const auto now = context.snapshot();
  if (now.standing.primary != now.server)
    return fail(ErrorKind::refused, now.server + " is not the primary, which alone imports");
  const auto* site = now.pair ? now.pair->site(domain) : nullptr;
  if (site == nullptr || !site->import)
    return fail(ErrorKind::refused, fmt::format("{} has no import on {}", domain, now.server), "tandem apply");
  TANDEM_TRY(auto spool, spool_at(context.agent(), domain));
  const std::lock_guard lock(spool_);
  TANDEM_CHECK(spool.prepare());
  TANDEM_TRY(const bool known, spool.knows(upload.id));
  if (!known) TANDEM_CHECK(spool.receive(upload, offset, bytes));
  return Json{{"known", known}};
}

Result<Json> ImportKeeper::give_back(OperationContext& context) {
  TANDEM_TRY(const auto domain, peer::text_member(context.params(), "domain"));
  TANDEM_TRY(const auto id, peer::text_member(context.params(), "id"));
  const auto now = context.snapshot();
  if (!now.pair || now.pair->site(domain) == nullptr || !sites::is_upload_id(id))
    return fail(ErrorKind::refused, fmt::format("{} knows no such upload", now.server));
  TANDEM_TRY(auto spool, spool_at(context.agent(), domain));
  const std::lock_guard lock(spool_);
  TANDEM_CHECK(spool.prepare());
  TANDEM_TRY(const bool yours, spool.give_back(id, context.from()));
  return Json{{"yours", yours}};
}

Result<Json> ImportKeeper::decide_here(OperationContext& context, const std::string& what, const std::string& id) {
  const auto now = context.snapshot();
  for (const auto& domain : sites_with_uploads(context.agent())) {
    TANDEM_TRY(auto spool, spool_at(context.agent(), domain));
    const std::lock_guard lock(spool_);
    if (what == "log") {
      if (const auto log = spool.log(id)) return Json{{"server", now.server}, {"log", *log}};
      continue;
    }
    const auto done = what == "retry" ? spool.retry(id) : spool.drop(id);
    if (done) return Json{{"server", now.server}};
    if (done.error().kind != ErrorKind::not_found) return std::unexpected(done.error());
  }
  return fail(ErrorKind::not_found, fmt::format("{} has no upload {} for that", now.server, id),
              "tandem imports lists them");
}

Result<Json> ImportKeeper::decide(OperationContext& context) {
  for (const auto* what : {"retry", "drop", "log"}) {
    if (!context.params().contains(what)) continue;
    TANDEM_TRY(const auto id, peer::text_member(context.params(), what));
    if (!sites::is_upload_id(id))
      return fail(ErrorKind::invalid, "\"" + id + "\" is no upload's id", "tandem imports lists them");
    auto here = decide_here(context, what, id);
    if (here || here.error().kind != ErrorKind::not_found || context.caller() == Caller::peer) return here;
    for (const auto& peer : context.snapshot().peers) {
      if (!peer.connected) continue;
      auto there = context.call_peer(peer.name, "imports", context.params());
      if (there || there.error().kind == ErrorKind::refused) return there;
    }
    return fail(ErrorKind::not_found, fmt::format("no server has an upload {} for that", id),
                "tandem imports lists them; a server that does not answer was not asked");
  }
  return fail(ErrorKind::invalid, "what is to be done with which upload?");
}

} // namespace tandem::agent
