#include "agent/operations/sites_status.hpp"

#include "agent/agent.hpp"
#include "agent/duties.hpp"
#include "base/text.hpp"
#include "converge/ledger.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

// Unix sockets that a process listens on, as the kernel lists them (proc(5), net/unix: the path comes last).
class Listening {
public:
  explicit Listening(std::string_view text) {
    for (const auto& line : lines_of(text))
      if (const auto path = line.rfind(" /"); path != std::string::npos) paths_.emplace(line.substr(path + 1));
  }

  [[nodiscard]] bool has(const std::string& path) const { return paths_.contains(path); }

private:
  std::set<std::string> paths_;
};

bool nginx_runs(system::Files& files) {
  const auto pid = files.read("/run/nginx.pid");
  if (!pid) return false;
  const auto process = files.status("/proc/" + std::string(trim(*pid)));
  return process && *process;
}

} // namespace

void describe_sites(system::Files& files, const model::Pair& pair, const sites::Layout& layout, bool rest,
                    Json& status) {
  const auto sockets = files.read("/proc/net/unix");
  if (!sockets) return;
  const Listening listening(*sockets);
  bool deployed = false;
  status["sites"] = Json::array();
  for (const auto& site : pair.sites) {
    const auto link = files.status(layout.site_link(site.domain));
    Json entry{{"domain", site.domain}, {"release", nullptr}};
    if (link && *link && (*link)->type == system::FileType::link) {
      const std::string release = (*link)->target.substr((*link)->target.rfind('/') + 1);
      const bool runs = listening.has(layout.socket(site.domain, release));
      entry["release"] = release;
      entry["runs"] = runs;
      deployed = true;
      if (rest && !runs) entry["rests"] = true;
      if (!rest && !runs) status["problems"].push_back(fmt::format("the application of {} does not run", site.domain));
    }
    if (link && *link && (*link)->type == system::FileType::folder) {
      const auto known = files.status(layout.by_hand(site.domain));
      entry["by_hand"] = known && *known;
    }
    status["sites"].push_back(std::move(entry));
  }
  status["nginx"] = nginx_runs(files);
  if (deployed && !status["nginx"].get<bool>()) status["problems"].push_back("nginx does not run");
}

void add_sites_status(const OperationContext& context, Json& status) {
  auto& files = context.ports().files;
  if (const auto text = files.read(context.agent().settings().configuration_file))
    status["configuration"] = converge::content_hash(*text);
  const auto snapshot = context.snapshot();
  if (!snapshot.pair || snapshot.standing.primary.empty()) return;
  const bool standby = snapshot.standing.primary != snapshot.server;
  describe_sites(files, *snapshot.pair, {.state = context.agent().settings().state_folder},
                 standby && standby_sites(*snapshot.pair) == SitesAre::resting, status);
}

void add_disk_status(const OperationContext& context, Json& status) {
  const auto pair = context.snapshot().pair;
  if (!pair) return;
  const double limit = pair->alerts.disk;
  std::vector<std::string> paths{"/", context.agent().settings().state_folder, "/var/lib/postgresql", "/var/log"};
  std::ranges::copy(pair->files.replicate, std::back_inserter(paths));
  std::set<std::uint64_t> known;
  for (const auto& path : paths) {
    const auto room = context.ports().files.room(path);
    if (!room || !known.insert(room->file_system).second) continue; // what is not there is not full
    if (room->used > limit)
      status["problems"].push_back(
          fmt::format("the disk of {} is {:.0f} % full, {} MB are free", path, room->used * 100, room->free >> 20U));
    if (room->used_names > limit)
      status["problems"].push_back(
          fmt::format("the disk of {} has used {:.0f} % of its inodes: so many files", path, room->used_names * 100));
  }
}

void compare_servers(const Json& servers, const std::string& primary, Json& problems) {
  const auto serving = std::ranges::find_if(servers, [&](const Json& server) { return server["name"] == primary; });
  if (serving == servers.end() || !serving->value("reachable", false)) return;
  for (const auto& server : servers) {
    if (!server.value("reachable", false) || server["name"] == primary) continue;
    const auto name = server["name"].get<std::string>();
    if (server.value("configuration", "") != serving->value("configuration", ""))
      problems.push_back(
          fmt::format("tandem.toml on {} is not that on {}: `tandem plan` on the one that is right shows "
                      "what is not applied",
                      name, primary));
    for (const auto& certificate : serving->value("certificates", Json::array())) {
      const auto theirs = server.value("certificates", Json::array());
      const auto same =
          std::ranges::find_if(theirs, [&](const Json& one) { return one["domain"] == certificate["domain"]; });
      if (same == theirs.end() || certificate.value("temporary", true)) continue;
      if (same->value("fingerprint", "") != certificate.value("fingerprint", ""))
        problems.push_back(fmt::format("{} has another certificate for {} than {}; it is handed the same in a moment",
                                       name, certificate["domain"].get<std::string>(), primary));
    }
    for (const auto& site : serving->value("sites", Json::array())) {
      const auto theirs = server.value("sites", Json::array());
      const auto same = std::ranges::find_if(theirs, [&](const Json& one) { return one["domain"] == site["domain"]; });
      if (same != theirs.end() && (*same)["release"] != site["release"])
        problems.push_back(
            fmt::format("{} has another release of {} than {}; it gets it with the next comparison of the "
                        "files",
                        name, site["domain"].get<std::string>(), primary));
    }
  }
}

void compare_clocks(const Json& servers, Json& problems) {
  constexpr std::int64_t far_ms = 1000; // what an answer takes counts for less than half of that
  for (const auto& server : servers) {
    const auto ahead = server.value("clock_ahead_ms", std::int64_t{0});
    if (std::abs(ahead) < far_ms) continue;
    problems.push_back(fmt::format(
        "the clock of {} is {:.1f} s {} this server's: moments that status and a failover tell are wrong by "
        "that, and certificates may not be valid yet; `timedatectl` on both shows which is wrong",
        server["name"].get<std::string>(), static_cast<double>(std::abs(ahead)) / 1000,
        ahead > 0 ? "ahead of" : "behind"));
  }
}

} // namespace tandem::agent
