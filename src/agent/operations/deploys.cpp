// What became of deploys, and which releases are there.
#include "agent/agent.hpp"
#include "agent/operations/releases.hpp"
#include "agent/times.hpp"
#include "sites/deploy_log.hpp"
#include "sites/shelf.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

std::string utc_of(std::int64_t seconds) {
  return seconds == 0 ? "" : utc_text(std::chrono::sys_seconds(std::chrono::seconds(seconds)));
}

Json to_json(const sites::DeployRecord& record) {
  return {{"number", record.number},
          {"what", record.what},
          {"who", record.who},
          {"wanted", record.wanted},
          {"began", utc_of(record.began)},
          {"ended", utc_of(record.ended)},
          {"seconds", record.ended == 0 ? 0 : record.ended - record.began},
          {"from", {{"release", record.from_release}, {"commit", record.from_commit}}},
          {"to", {{"release", record.to_release}, {"commit", record.to_commit}}},
          {"outcome", record.outcome},
          {"failure", record.failure},
          {"warnings", record.warnings}};
}

Result<Json> site_deploys(OperationContext& context, ReleaseWork& shared, const std::string& domain) {
  const auto tools = site_tools(context, shared.applications);
  TANDEM_TRY(const auto holdings, sites::Shelf(tools).look(domain));
  const auto previous = sites::previous_release(holdings);
  Json releases = Json::array();
  for (const auto& release : holdings.releases)
    releases.push_back({{"release", release.id},
                        {"commit", release.commit},
                        {"branch", release.branch},
                        {"built", utc_of(release.created)},
                        {"live", release.id == holdings.current},
                        {"previous", release.id == previous}});
  sites::DeployLogs logs(context.ports().files, tools.layout);
  TANDEM_TRY(const auto records, logs.list(domain, shared.locks.holder(domain).has_value()));
  Json deploys = Json::array();
  for (const auto& record : records)
    deploys.push_back(to_json(record));
  return Json{{"site", domain}, {"releases", std::move(releases)}, {"deploys", std::move(deploys)}};
}

// Of this server: of the one site that was asked for, or of all.
Result<Json> own_deploys(OperationContext& context, ReleaseWork& shared) {
  TANDEM_TRY(const auto wanted, peer::text_member_or(context.params(), "site", ""));
  TANDEM_TRY(const auto pair, context.load_pair());
  Json sites = Json::array();
  for (const auto& site : pair->sites) {
    if (!wanted.empty() && wanted != site.domain) continue;
    TANDEM_TRY(auto one, site_deploys(context, shared, site.domain));
    sites.push_back(std::move(one));
  }
  if (!wanted.empty() && sites.empty()) return no_such_site(*pair, wanted);
  return Json{{"name", context.snapshot().server}, {"sites", std::move(sites)}};
}

Result<Json> show_deploy(OperationContext& context, ReleaseWork& shared, std::uint64_t number) {
  TANDEM_TRY(const auto domain, peer::text_member(context.params(), "site"));
  TANDEM_TRY(const auto pair, context.load_pair());
  if (pair->site(domain) == nullptr) return no_such_site(*pair, domain);
  sites::DeployLogs logs(context.ports().files, site_tools(context, shared.applications).layout);
  const bool at_work = shared.locks.holder(domain).has_value();
  if (number == 0) {
    TANDEM_TRY(const auto records, logs.list(domain, at_work));
    if (records.empty()) return fail(ErrorKind::not_found, "this server has deployed " + domain + " never yet");
    number = records.front().number;
  }
  TANDEM_TRY(const auto record, logs.find(domain, number, at_work));
  TANDEM_TRY(const auto text, logs.text(domain, number));
  auto shown = to_json(record);
  shown["site"] = domain;
  shown["log"] = text;
  return shown;
}

Result<Json> all_deploys(OperationContext& context, ReleaseWork& shared) {
  if (context.params().contains("show")) {
    TANDEM_TRY(const auto number, peer::number_member(context.params(), "show"));
    return show_deploy(context, shared, number);
  }
  TANDEM_TRY(auto own, own_deploys(context, shared));
  return gather_from_servers(context, std::move(own), "server.deploys", context.params());
}

} // namespace

Operation deploys_operation(std::shared_ptr<ReleaseWork> work) {
  return {.name = "deploys", .callers = {Caller::command}, .run = [work = std::move(work)](OperationContext& context) {
            return all_deploys(context, *work);
          }};
}

Operation server_deploys_operation(std::shared_ptr<ReleaseWork> work) {
  return {.name = "server.deploys",
          .callers = {Caller::peer},
          .run = [work = std::move(work)](OperationContext& context) { return own_deploys(context, *work); }};
}

} // namespace tandem::agent
