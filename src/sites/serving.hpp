// What answers visitors: the uWSGI of a site's release, and the socket link that nginx connects to.
#pragma once
#include "model/pair.hpp"
#include "sites/by_hand.hpp"
#include "sites/environment.hpp"
#include "sites/shelf.hpp"
#include "sites/tools.hpp"

#include <string>
#include <vector>

namespace tandem::sites {

class Serving {
public:
  explicit Serving(Tools tools) : tools_(std::move(tools)), shelf_(tools_) {}

  // Starts a finished release's uWSGI beside whatever runs, and asks it the site's health question, which must be
  // answered below 400. When it is not, what was started is stopped again and the error quotes the unit's last lines.
  // Idempotent. Works on a standby too, whose database only reads.
  Result<void> warm(const model::Site& site, const std::string& id, const Progress& progress);

  // From now on this release, warm already, answers visitors: WWW/DOMAIN names it and nginx finds its socket. Two
  // renames, no reload. Idempotent.
  Result<void> switch_to(const model::Site& site, const std::string& id);

  // Waits until a release that gets no more requests has answered those it had (at the most as long as uWSGI itself
  // lets a request run), then stops it. Not for the current release: that is refused.
  Result<void> retire(const model::Site& site, const std::string& id, const Progress& progress);

  // Ends what served the site by hand, once a release does: after what it had to answer, at the most as long as uWSGI
  // itself lets a request run. Nothing to do where nothing did.
  Result<void> retire_by_hand(const model::Site& site, const Progress& progress);

  // Makes what runs agree with WWW/DOMAIN, after a boot, a crash or a change that came from the primary: the current
  // release runs and is nginx's, no other release runs. A site that was set up by hand is led to its own application
  // until its first deploy. Nothing to do for one that was never deployed. An
  // application that nginx does not find yet, and that is older than the PostgreSQL to which it holds connections, is
  // started anew: else the first request on each of them would fail.
  Result<void> serve_current(const model::Site& site, const Progress& progress);

  // The same on a standby: the current release runs, but nginx does not find it, so that no request that is late there
  // meets a database that only reads.
  Result<void> keep_warm(const model::Site& site, const Progress& progress);

  // The same on a standby on which nothing of the sites runs.
  Result<void> rest(const model::Site& site);

  // nginx finds the site's application no more, until serve_current(); what reached it goes on.
  Result<void> hide(const model::Site& site);

  // Waits until nothing of the site that runs has a request to answer; false at the limit.
  Result<bool> wait_idle(const model::Site& site, std::chrono::milliseconds limit);

  // Waits for a moment at which none of the sites has a request that has been under way for `young` or longer; false
  // when there was none until the limit.
  Result<bool> wait_calm(const std::vector<model::Site>& sites, std::chrono::milliseconds young,
                         std::chrono::milliseconds limit);

  // Stops everything of the site at once. nginx gets no answer for it until serve_current().
  Result<void> stop(const model::Site& site);

  // Asks the current release the health question a few times for each of its threads, all at once: the first request
  // that a thread answers takes long, because only then it loads its code and connects to the database. The first error
  // of any.
  Result<void> wake(const model::Site& site);

  // Asks the current release the health question.
  Result<void> check_health(const model::Site& site);

private:
  Result<void> start(const model::Site& site, const std::string& id);
  Result<void> make_socket_folder(const model::Site& site, const system::AccountTable& accounts);
  Result<void> serve_by_hand(const model::Site& site, const model::SiteByHand& by_hand, const Progress& progress);
  Result<void> lead_to(const model::Site& site, const std::string& socket);
  // Of what answers visitors now; "" when nothing is to.
  Result<std::string> current_socket(const model::Site& site);
  // Behind which requests may be under way.
  Result<std::vector<std::string>> sockets(const std::string& domain);
  Result<void> name_environment(const model::Site& site, const std::string& id);
  Result<bool> holds_dead_connections(const model::Site& site, const system::UnitStatus& application);
  Result<std::optional<std::string>> start_current(const model::Site& site, const Progress& progress);
  Result<void> retire_all_but(const model::Site& site, const std::optional<std::string>& current,
                              const Progress& progress);
  Result<void> ask_health(const model::Site& site, const std::string& socket);
  Result<void> end(const model::Site& site, const std::string& id);
  // Releases that were started at some time and not retired since.
  Result<std::vector<std::string>> started(const std::string& domain);
  Redactor redactor_for(const model::Site& site, const std::string& id);
  std::string last_lines(const std::string& unit, const Redactor& redact);

  Tools tools_;
  Shelf shelf_;
};

} // namespace tandem::sites
