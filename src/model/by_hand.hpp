// What serves the sites of a pair that was set up by hand, until tandem does. Plain values.
#pragma once
#include <string>
#include <vector>

namespace tandem::model {

// A line of a crontab, as it stands there.
struct CronEntry {
  std::string file; // "/etc/cron.d/www"
  std::string line;
  bool operator==(const CronEntry&) const = default;
};

struct SiteByHand {
  std::string domain;
  std::string socket;                    // absolute; where its uWSGI listens. "": nowhere that nginx could be led to
  std::string unit;                      // the systemd unit of it alone; "": it has none
  std::vector<std::string> workers = {}; // units of its Celery
  std::vector<std::string> nginx = {};   // files in which nginx's servers of the site stand
  std::vector<CronEntry> cron = {};      // its jobs
  std::string certificate = {};          // the file that its visitors get; "": none is known
  std::string key = {};
  bool operator==(const SiteByHand&) const = default;
};

struct ByHand {
  std::vector<SiteByHand> sites;
  std::vector<CronEntry> cron; // what compares the servers' files

  [[nodiscard]] const SiteByHand* site(const std::string& domain) const {
    for (const auto& one : sites)
      if (one.domain == domain) return &one;
    return nullptr;
  }

  bool operator==(const ByHand&) const = default;
};

} // namespace tandem::model
