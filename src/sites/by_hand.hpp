// A site that was set up by hand goes on behind tandem's nginx until its first deploy: its own application serves it,
// from its own folder WWW/DOMAIN. The folder then changes places with the link to the release in one step, so that no
// path is missing for a moment, and lies in WWW/.releases/DOMAIN/by-hand from then on.
#pragma once
#include "model/by_hand.hpp"
#include "model/pair.hpp"
#include "sites/tools.hpp"
#include "sites/words.hpp"

#include <functional>
#include <optional>

namespace tandem::sites {

// As a file: by-hand.json beside tandem.toml, and STATE/sites/DOMAIN/by-hand.json with that site alone.
[[nodiscard]] std::string to_text(const model::ByHand& by_hand);
// invalid: damaged, or of paths and names that no adopt writes.
[[nodiscard]] Result<model::ByHand> by_hand_from(const std::string& text);
// Without the sites that the pair does not have: what serves those is nobody's to end.
[[nodiscard]] model::ByHand of_pair(const model::Pair& pair, model::ByHand by_hand);

class SiteByHand {
public:
  using Tell = std::function<void(const std::string& line)>;

  SiteByHand(Tools tools, std::string domain) : tools_(std::move(tools)), domain_(std::move(domain)) {}

  // What is known of it here; nullopt: it was not set up by hand, or nobody said so.
  Result<std::optional<model::SiteByHand>> known();
  // The same while WWW/DOMAIN is its own folder; nullopt when that is a link or nothing.
  Result<std::optional<model::SiteByHand>> serving();

  // From now on it is known. Each folder of the site that releases share moves to where they find it, and leaves a link
  // behind, in one step. Idempotent. refused where both places hold something, or one is no folder.
  Result<void> take(const model::Site& site, const model::SiteByHand& by_hand);
  // WWW/DOMAIN becomes a link to that target; its folder is kept. Idempotent.
  Result<void> change_places(const std::string& target);
  // The kept folder is WWW/DOMAIN again. Nothing to do where none is kept.
  Result<void> change_back();
  // The way back from change_places() and end(): WWW/DOMAIN is the folder again, and known to serve. -> the link's
  // target, by which it can become a link again; "": it was none. Idempotent.
  Result<std::string> take_back();
  // The way back from take(): each folder lies in WWW/DOMAIN again, and nothing is known any more. Idempotent.
  Result<void> return_folders(const model::Site& site);
  // Its application and its workers are what they were here when it was taken: running or not, now and at each boot. On
  // the server that is to serve, the application runs. Its lines in crontabs count again. Idempotent.
  Result<void> begin(bool serves, const Tell& tell);
  // Its application, once it has answered what it had to, its workers and its lines in crontabs: they end, and do not
  // begin at the next boot. Idempotent.
  Result<void> end(std::chrono::milliseconds limit, const Tell& tell);

private:
  Result<void> take_folder(const std::string& name);
  Result<void> return_folder(const std::string& name);
  Result<void> note(const model::Site& site, const model::SiteByHand& by_hand);
  Result<std::optional<std::vector<std::string>>> noted(const std::string& kind, const std::string& name);
  Result<void> return_access(const std::string& name);
  Result<void> begin_unit(const std::string& unit, bool unless_noted, bool must_run, const Tell& tell);
  Result<void> end_unit(const std::string& unit, const Tell& tell);

  Tools tools_;
  std::string domain_;
};

// Those lines of crontabs become comments, in the files that have them. Idempotent.
Result<void> comment_out(system::Files& files, const std::vector<model::CronEntry>& entries);
// They count again.
Result<void> uncomment(system::Files& files, const std::vector<model::CronEntry>& entries);
// Pure: the text with that line as a comment; the text itself where it has no such line.
[[nodiscard]] std::string with_comment(const std::string& text, const std::string& line);
[[nodiscard]] std::string without_comment(const std::string& text, const std::string& line);

} // namespace tandem::sites
