#include "agent/pushes.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace tandem::agent {

namespace {

using peer::Json;

constexpr std::string_view branch_prefix = "refs/heads/";

// SHA-1 or SHA-256.
bool is_commit(std::string_view text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return (text.size() == 40 || text.size() == 64) && std::ranges::all_of(text, is_digit);
}

constexpr int many_attempts = 5; // whatever stands against a deploy for so long does not end by itself

bool is_no_commit(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

Json json_of(const std::optional<Push>& push) {
  return push ? Json{{"commit", push->commit}, {"at", push->at}} : Json();
}

std::optional<Push> push_in(const Json& site, const char* name) {
  const auto found = site.find(name);
  if (found == site.end() || !found->is_object()) return std::nullopt;
  auto commit = peer::text_member(*found, "commit");
  auto at = peer::text_member(*found, "at");
  if (!commit || !at || !is_commit(*commit)) return std::nullopt;
  return Push{*std::move(commit), *std::move(at)};
}

bool later(const std::optional<Push>& one, const std::optional<Push>& other) {
  return one && (!other || one->at > other->at);
}

} // namespace

Result<Announcement> read_announcement(std::string_view event, std::string_view body) {
  TANDEM_TRY(const auto json, peer::parse_json(body));
  if (!json.is_object()) return fail(ErrorKind::invalid, "it is no JSON object");
  if (event != "push") return Announcement{};
  TANDEM_TRY(const auto ref, peer::text_member(json, "ref"));
  TANDEM_TRY(const auto commit, peer::text_member(json, "after"));
  if (!is_commit(commit)) return fail(ErrorKind::invalid, "\"after\" is no commit");
  if (!ref.starts_with(branch_prefix) || is_no_commit(commit)) return Announcement{};
  return Announcement{Announcement::Kind::push, ref.substr(branch_prefix.size()), commit};
}

PushBook PushBook::from_json(const Json& json) {
  PushBook book;
  if (!json.is_object()) return book;
  for (const auto& [domain, kept] : json.items()) {
    if (!kept.is_object()) continue;
    Site site;
    site.waiting = push_in(kept, "waiting");
    site.last = push_in(kept, "last");
    site.problem = peer::text_member_or(kept, "problem", "").value_or("");
    site.why_waiting = peer::text_member_or(kept, "why_waiting", "").value_or("");
    site.good = peer::text_member_or(kept, "good", "").value_or("");
    site.attempts = static_cast<int>(peer::number_member(kept, "attempts").value_or(0));
    book.sites_[domain] = std::move(site);
  }
  return book;
}

Json PushBook::to_json() const {
  Json json = Json::object();
  for (const auto& [domain, site] : sites_)
    json[domain] = {{"waiting", json_of(site.waiting ? site.waiting : site.under_way)},
                    {"last", json_of(site.last)},
                    {"problem", site.problem},
                    {"why_waiting", site.why_waiting},
                    {"good", site.good},
                    {"attempts", static_cast<std::uint64_t>(site.attempts)}};
  return json;
}

void PushBook::take(const std::string& domain, Push push) {
  sites_[domain].waiting = std::move(push);
}

std::vector<std::string> PushBook::ready() const {
  std::vector<std::pair<std::string, std::string>> waiting; // since, domain
  for (const auto& [domain, site] : sites_)
    if (site.waiting && !site.under_way) waiting.emplace_back(site.waiting->at, domain);
  std::ranges::sort(waiting);
  std::vector<std::string> domains;
  for (auto& [since, domain] : waiting)
    domains.push_back(std::move(domain));
  return domains;
}

void PushBook::begin(const std::string& domain) {
  auto& site = sites_[domain];
  site.under_way = std::exchange(site.waiting, std::nullopt);
}

void PushBook::end_well(const std::string& domain) {
  auto& site = sites_[domain];
  if (auto ended = std::exchange(site.under_way, std::nullopt)) site.last = std::move(ended);
  site.problem.clear();
  site.why_waiting.clear();
}

void PushBook::put_back(const std::string& domain, const std::string& why) {
  auto& site = sites_[domain];
  auto begun = std::exchange(site.under_way, std::nullopt);
  if (begun) ++site.attempts;
  if (!site.waiting) site.waiting = std::move(begun);
  if (site.waiting) site.why_waiting = why;
}

int PushBook::attempts(const std::string& domain) const {
  const auto site = sites_.find(domain);
  return site == sites_.end() ? 0 : site->second.attempts;
}

void PushBook::end_badly(const std::string& domain, const std::string& problem) {
  auto& site = sites_[domain];
  if (auto ended = std::exchange(site.under_way, std::nullopt)) site.last = std::move(ended);
  site.problem = problem;
  site.why_waiting.clear();
  site.attempts = 0;
}

void PushBook::deployed(const std::string& domain, const std::string& at) {
  auto& site = sites_[domain];
  site.good = at;
  site.problem.clear();
  site.attempts = 0;
}

void PushBook::take_over(const PushBook& other) {
  for (const auto& [domain, theirs] : other.sites_) {
    auto& own = sites_[domain];
    const auto& waits = theirs.waiting ? theirs.waiting : theirs.under_way;
    const bool known = waits == own.last || waits == own.under_way; // handed over twice
    if (!known && later(waits, own.waiting) && !later(own.last, waits) && !later(own.under_way, waits))
      own.waiting = waits;
    if (later(theirs.last, own.last)) {
      own.last = theirs.last;
      own.problem = own.good > theirs.last->at ? "" : theirs.problem;
    }
    own.good = std::max(own.good, theirs.good);
  }
}

void PushBook::give_away(const PushBook& given) {
  std::erase_if(sites_, [&](const auto& entry) {
    const auto found = given.sites_.find(entry.first);
    return found != given.sites_.end() && found->second == entry.second;
  });
}

bool PushBook::keep_only(const std::vector<std::string>& domains) {
  return std::erase_if(sites_, [&](const auto& entry) {
           return !entry.second.under_way && std::ranges::find(domains, entry.first) == domains.end();
         }) > 0;
}

Json PushBook::list() const {
  Json all = Json::array();
  for (const auto& [domain, site] : sites_) {
    const auto add = [&](const Push& push, const char* state, const std::string& problem) {
      all.push_back(
          {{"domain", domain}, {"commit", push.commit}, {"at", push.at}, {"state", state}, {"problem", problem}});
    };
    if (site.waiting)
      add(*site.waiting, "waiting", site.why_waiting);
    else if (site.under_way)
      add(*site.under_way, "deploying", "");
    else if (site.last)
      add(*site.last, site.problem.empty() ? "deployed" : "failed", site.problem);
  }
  return all;
}

std::vector<std::string> PushBook::problems() const {
  std::vector<std::string> problems;
  for (const auto& [domain, site] : sites_) {
    const auto& waits = site.waiting ? site.waiting : site.under_way;
    if (waits && site.attempts >= many_attempts)
      problems.push_back(fmt::format("{}: the push of {} waits since {}, after {} attempts: {}", domain,
                                     waits->commit.substr(0, 7), waits->at, site.attempts, site.why_waiting));
    if (site.last && !site.problem.empty())
      problems.push_back(
          fmt::format("{}: the push of {} was not deployed: {} (push what mends it, or: tandem deploy {})", domain,
                      site.last->commit.substr(0, 7), site.problem, domain));
  }
  return problems;
}

} // namespace tandem::agent
