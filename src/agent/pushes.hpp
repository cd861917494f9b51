// What hosts of git repositories tell of pushes, and what becomes of them. Pure.
#pragma once
#include "peer/json.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tandem::agent {

// The largest message of a host that is read.
constexpr std::size_t largest_push = std::size_t{1} << 20U;

// What a host says: of GitHub, Gitea or Forgejo, which all say it in the same way.
struct Announcement {
  enum class Kind {
    push,    // a branch has a new tip
    nothing, // a ping, a tag, a branch that is gone: nothing that could be deployed
  };
  Kind kind = Kind::nothing;
  std::string branch;
  std::string commit; // its tip, in hexadecimal
};

// `event`: the host's header (X-GitHub-Event, X-Gitea-Event, X-Forgejo-Event). Kind `invalid`: it is none of the kind.
Result<Announcement> read_announcement(std::string_view event, std::string_view body);

struct Push {
  std::string commit; // what the host said; the branch's tip is deployed, which may be later
  std::string at;     // when it was taken, "2026-11-24 12:30:05 UTC"
  bool operator==(const Push&) const = default;
};

// The pushes of all sites. A site has at most one that waits: the branch's tip is deployed, and that is all of them.
class PushBook {
public:
  // What a file or another server says; what it does not understand is left out. What was under way waits again.
  static PushBook from_json(const peer::Json& json);
  // What is under way is among what waits.
  [[nodiscard]] peer::Json to_json() const;

  void take(const std::string& domain, Push push);
  // Those that wait and whose site is not being deployed for one, the oldest first.
  [[nodiscard]] std::vector<std::string> ready() const;
  void begin(const std::string& domain);
  // What was begun has ended: with a new release, not at all (it waits again, for that reason), with an error.
  void end_well(const std::string& domain);
  void put_back(const std::string& domain, const std::string& why);
  // How often in a row the site's push was begun and put back.
  [[nodiscard]] int attempts(const std::string& domain) const;
  void end_badly(const std::string& domain, const std::string& problem);
  // Somebody has deployed the site: what failed before is over.
  void deployed(const std::string& domain, const std::string& at);

  // Another server's, which was the primary before: of two that tell of one site the later counts.
  void take_over(const PushBook& other);
  // All but what has come since that copy of it was made.
  void give_away(const PushBook& given);
  // Of sites that are no more. Says whether there were any.
  bool keep_only(const std::vector<std::string>& domains);

  [[nodiscard]] bool empty() const { return sites_.empty(); }

  // [{"domain", "commit", "at", "state": waiting | deploying | deployed | failed, "problem"}]
  [[nodiscard]] peer::Json list() const;
  // Sentences for status.
  [[nodiscard]] std::vector<std::string> problems() const;

private:
  struct Site {
    std::optional<Push> waiting;
    std::optional<Push> under_way;
    std::optional<Push> last; // that was deployed, or failed
    std::string problem;      // of the last one; empty: it was deployed
    std::string why_waiting;  // empty: nothing has spoken against it yet
    std::string good;         // when the site was last deployed, by whomever
    int attempts = 0;         // that were put back since then
    bool operator==(const Site&) const = default;
  };

  std::map<std::string, Site> sites_;
};

} // namespace tandem::agent
