// Which problems somebody is told of, when, and in what words. Pure.
#pragma once
#include "peer/json.hpp"

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace tandem::agent {

using WallMoment = std::chrono::sys_seconds; // wall time: what was told outlives the agent

// A way of telling: "mail" or "command".
using Channel = std::string;

struct Alert {
  std::string text; // as it was said last
  WallMoment since;
  WallMoment seen;                    // last
  std::map<Channel, WallMoment> told; // where, and when last
  bool notice = false;                // something that happened, no state that ends: told once
  bool operator==(const Alert&) const = default;
};

// What one message says.
struct AlertMessage {
  std::vector<Alert> begun; // problems that are new, and notices
  std::vector<Alert> ended;
  std::vector<Alert> open; // that were told before and go on
  bool reminds = false;    // nothing is new: it has been a day

  [[nodiscard]] bool empty() const { return begun.empty() && ended.empty() && !reminds; }
};

// Every server keeps one of the same problems, and one of them speaks: so that whoever takes over tells what the other
// did not come to, and nothing twice.
class AlertBook {
public:
  // What stands now. A problem is the same as before when only numbers in it differ. A primary other than the one
  // before is a notice. What no channel is left to be told to is forgotten once it is over. Problems of servers that
  // are `silent` ("NAME: …") neither stand nor end.
  void see(const std::vector<std::string>& problems, const std::string& primary, const std::set<Channel>& channels,
           WallMoment now, const std::set<std::string>& silent = {});
  // Whoever looks begins to look: what was told before has not ended while nobody did.
  void begin(WallMoment now);
  // What is to be told there now: what has stood for a minute, what has been gone for a minute, and once a day what
  // goes on; never twice within a minute, so that what comes together is told together.
  [[nodiscard]] AlertMessage due(const Channel& channel, WallMoment now) const;
  // That was told.
  void told(const Channel& channel, const AlertMessage& message, WallMoment now);
  // Another server speaks: whatever has been due for a minute counts as told by it.
  void leave_to_others(const std::set<Channel>& channels, WallMoment now);

  [[nodiscard]] std::vector<Alert> all() const;

  [[nodiscard]] peer::Json to_json() const;
  // Of what to_json() made; a file of another shape is an empty book: everything is told once more.
  static AlertBook from_json(const peer::Json& json);
  bool operator==(const AlertBook&) const = default;

private:
  void set_back_to(WallMoment now);

  std::map<std::string, Alert> alerts_; // by stable_part()
  std::map<Channel, WallMoment> spoke_; // when, last; not kept
  std::string primary_;
};

// The text without what changes while the problem stays the same: numbers that stand alone, with their units, and
// moments.
[[nodiscard]] std::string stable_part(const std::string& text);

struct AlertSource {
  std::string pair;
  std::string server;
};

// A whole mail but for the sender's and the moment's lines, which the mail server adds.
[[nodiscard]] std::string mail_text(const AlertSource& source, const std::string& to, const AlertMessage& message);
// For the operator's program: {"pair", "server", "begun", "ended", "open", "notices"}.
[[nodiscard]] peer::Json alert_json(const AlertSource& source, const AlertMessage& message);

} // namespace tandem::agent
