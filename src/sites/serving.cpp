#include "sites/serving.hpp"

#include "base/text.hpp"
#include "sites/folders.hpp"
#include "sites/last_words.hpp"
#include "sites/uwsgi.hpp"
#include "sites/virtualenv.hpp"

#include <future>

namespace tandem::sites {

namespace {

constexpr auto health_limit = std::chrono::seconds(60);
constexpr auto beyond_harakiri = std::chrono::seconds(5);
constexpr std::uint32_t most_asked_at_once = 64;

} // namespace

Result<void> Serving::warm(const model::Site& site, const std::string& id, const Progress& progress) {
  progress("starting release " + id);
  auto started = start(site, id);
  if (started) started = ask_health(site, tools_.layout.socket(site.domain, id));
  if (started) return {};
  auto error = std::move(started).error();
  const auto redact = redactor_for(site, id);
  error.message =
      redact("release " + id + " is not well: " + error.message) + last_lines(site_unit(site.domain, id), redact);
  TANDEM_TRY(const auto current, shelf_.current(site.domain));
  if (current != id)
    if (const auto ended = end(site, id); !ended) error.message += "; and stopping it: " + ended.error().message;
  return std::unexpected(std::move(error));
}

Redactor Serving::redactor_for(const model::Site& site, const std::string& id) {
  const auto release = shelf_.find(site.domain, id);
  if (!release) return {};
  const auto environment = load_environment(tools_.ports.files, tools_.layout, site, *release);
  return environment ? environment->redact : Redactor();
}

Result<void> Serving::start(const model::Site& site, const std::string& id) {
  auto& files = tools_.ports.files;
  const auto& layout = tools_.layout;
  TANDEM_CHECK(check_uwsgi_settings(site));
  TANDEM_TRY(const auto release, shelf_.find(site.domain, id));
  Virtualenvs virtualenvs(files, tools_.ports.processes, layout);
  TANDEM_TRY(const bool whole, virtualenvs.complete(site.domain, release.environment));
  if (!whole) return fail(ErrorKind::not_found, "its environment " + release.environment + " is not complete here");
  TANDEM_TRY(auto environment, load_environment(files, layout, site, release));
  TANDEM_TRY(const auto accounts, tools_.ports.accounts.read());
  TANDEM_CHECK(site_ownership(accounts, site)); // that there is such a user
  const auto* user = accounts.user(site.owner);
  environment.variables.try_emplace("HOME", user->home);
  environment.variables.try_emplace("USER", site.owner);

  for (const auto& path : {layout.state, layout.state + "/sites", layout.state_folder(site.domain)})
    TANDEM_CHECK(files.make_folder(path, 0700, root));
  TANDEM_CHECK(make_socket_folder(site, accounts));
  const auto ini = layout.uwsgi_ini(site.domain, id);
  TANDEM_CHECK(
      files.write(layout.uwsgi_environment(site.domain, id), systemd_variables(environment.variables), 0600, root));
  TANDEM_CHECK(files.write(ini, uwsgi_ini(layout, site, release), 0644, root));
  return tools_.ports.services.start(site_unit(site.domain, id));
}

Result<void> Serving::make_socket_folder(const model::Site& site, const system::AccountTable& accounts) {
  auto& files = tools_.ports.files;
  TANDEM_TRY(const auto owner, site_ownership(accounts, site));
  TANDEM_CHECK(ensure_folder(files, tools_.layout.run + "/tandem-sites", 0755, root));
  return ensure_folder(files, tools_.layout.socket_folder(site.domain), 0750, {0, owner.gid});
}

Result<void> Serving::lead_to(const model::Site& site, const std::string& socket) {
  const auto link = tools_.layout.current_socket(site.domain);
  TANDEM_TRY(const auto status, tools_.ports.files.status(link));
  if (status && status->target == socket) return {};
  return tools_.ports.files.make_link(link, socket);
}

Result<void> Serving::serve_by_hand(const model::Site& site, const model::SiteByHand& by_hand,
                                    const Progress& progress) {
  auto& services = tools_.ports.services;
  if (!by_hand.unit.empty()) {
    TANDEM_TRY(const auto status, services.status(by_hand.unit));
    TANDEM_TRY(const bool dead, holds_dead_connections(site, status));
    if (dead || (status.active != "active" && status.active != "activating")) {
      progress("starting " + by_hand.unit + (dead ? " anew, since PostgreSQL was started after it" : ""));
      TANDEM_CHECK(dead ? services.restart(by_hand.unit) : services.start(by_hand.unit));
    }
  }
  TANDEM_TRY(const auto accounts, tools_.ports.accounts.read());
  TANDEM_CHECK(make_socket_folder(site, accounts));
  return lead_to(site, by_hand.socket);
}

Result<void> Serving::retire_by_hand(const model::Site& site, const Progress& progress) {
  SiteByHand by_hand(tools_, site.domain);
  TANDEM_TRY(const auto current, shelf_.current(site.domain));
  return current ? by_hand.end(site.uwsgi.harakiri + beyond_harakiri, progress) : Result<void>();
}

Result<std::string> Serving::current_socket(const model::Site& site) {
  TANDEM_TRY(const auto current, shelf_.current(site.domain));
  if (current) return tools_.layout.socket(site.domain, *current);
  TANDEM_TRY(const auto by_hand, SiteByHand(tools_, site.domain).serving());
  return by_hand ? by_hand->socket : std::string();
}

Result<std::vector<std::string>> Serving::sockets(const std::string& domain) {
  std::vector<std::string> paths;
  TANDEM_TRY(const auto running, started(domain));
  for (const auto& id : running)
    paths.push_back(tools_.layout.socket(domain, id));
  TANDEM_TRY(const auto by_hand, SiteByHand(tools_, domain).known());
  if (by_hand && !by_hand->socket.empty()) paths.push_back(by_hand->socket);
  return paths;
}

Result<void> Serving::ask_health(const model::Site& site, const std::string& socket) {
  TANDEM_TRY(const auto answer,
             tools_.applications.ask(socket, {.host = site.domain, .path = site.health, .time_limit = health_limit}));
  if (answer.status < 400) return {};
  return failed(fmt::format("it answers {} to {}", answer.status, site.health));
}

std::string Serving::last_lines(const std::string& unit, const Redactor& redact) {
  const auto journal = tools_.ports.processes.run(
      {.arguments = {"journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=120", "--unit=" + unit},
       .time_limit = std::chrono::seconds(10)});
  if (!journal || !journal->ok() || trim(journal->output).empty()) return {};
  return "; its last words:\n    " + redact(join(last_words(lines_of(journal->output)), "\n    "));
}

// Jobs that begin from now on are of this release.
Result<void> Serving::name_environment(const model::Site& site, const std::string& id) {
  const auto link = tools_.layout.current_environment(site.domain);
  TANDEM_TRY(const auto status, tools_.ports.files.status(link));
  if (status && status->target == id + ".env") return {};
  return tools_.ports.files.make_link(link, id + ".env");
}

Result<void> Serving::switch_to(const model::Site& site, const std::string& id) {
  TANDEM_TRY(const auto release, shelf_.find(site.domain, id)); // an unfinished one is never served
  // The durable link first: a crash between the two is completed by serve_current().
  TANDEM_CHECK(shelf_.set_current(site.domain, release.id));
  TANDEM_CHECK(name_environment(site, id));
  return lead_to(site, id + ".sock");
}

Result<void> Serving::retire(const model::Site& site, const std::string& id, const Progress& progress) {
  TANDEM_TRY(const auto current, shelf_.current(site.domain));
  if (current == id) return fail(ErrorKind::refused, "release " + id + " is the current one");
  const auto limit = site.uwsgi.harakiri + beyond_harakiri;
  progress("letting release " + id + " finish its requests");
  TANDEM_TRY(const bool idle, tools_.applications.wait_idle(tools_.layout.socket(site.domain, id), limit));
  if (!idle) progress(fmt::format("release {} still had requests after {} s; they are cut", id, limit.count()));
  return end(site, id);
}

Result<void> Serving::end(const model::Site& site, const std::string& id) {
  auto& files = tools_.ports.files;
  const auto unit = site_unit(site.domain, id);
  TANDEM_TRY(const auto status, tools_.ports.services.status(unit));
  if (status.active != "inactive") TANDEM_CHECK(tools_.ports.services.stop(unit));
  TANDEM_CHECK(files.remove(tools_.layout.socket(site.domain, id)));
  TANDEM_CHECK(files.remove(tools_.layout.uwsgi_environment(site.domain, id)));
  return files.remove(tools_.layout.uwsgi_ini(site.domain, id)); // last: by it started() knows of the release
}

Result<std::optional<std::string>> Serving::start_current(const model::Site& site, const Progress& progress) {
  TANDEM_TRY(auto current, shelf_.current(site.domain));
  if (!current) return current;
  TANDEM_TRY(const auto status, tools_.ports.services.status(site_unit(site.domain, *current)));
  TANDEM_TRY(const bool dead, holds_dead_connections(site, status));
  if (status.active == "active" && !dead) {
    TANDEM_CHECK(name_environment(site, *current));
    return current;
  }
  progress("starting release " + *current + (dead ? " anew, since PostgreSQL was started after it" : ""));
  if (dead) TANDEM_CHECK(end(site, *current));
  TANDEM_CHECK(start(site, *current));
  TANDEM_CHECK(name_environment(site, *current));
  return current;
}

// One that visitors reach is left alone: they would wait for its start, and most connections are new ones already.
Result<bool> Serving::holds_dead_connections(const model::Site& site, const system::UnitStatus& application) {
  if (tools_.database_unit.empty() || !site.database || application.active != "active") return false;
  TANDEM_TRY(const auto link, tools_.ports.files.status(tools_.layout.current_socket(site.domain)));
  if (link) return false;
  TANDEM_TRY(const auto database, tools_.ports.services.status(tools_.database_unit));
  return database.active == "active" && database.since > application.since;
}

// A deploy that was cut off may have left one running beside the current one.
Result<void> Serving::retire_all_but(const model::Site& site, const std::optional<std::string>& current,
                                     const Progress& progress) {
  TANDEM_TRY(const auto running, started(site.domain));
  for (const auto& id : running)
    if (id != current) TANDEM_CHECK(retire(site, id, progress));
  return {};
}

Result<void> Serving::serve_current(const model::Site& site, const Progress& progress) {
  TANDEM_TRY(const auto by_hand, SiteByHand(tools_, site.domain).serving());
  if (by_hand) {
    TANDEM_CHECK(serve_by_hand(site, *by_hand, progress));
    return retire_all_but(site, std::nullopt, progress);
  }
  TANDEM_TRY(const auto current, start_current(site, progress));
  if (current) TANDEM_CHECK(switch_to(site, *current));
  TANDEM_CHECK(retire_by_hand(site, progress)); // a deploy that was cut off may have left it
  return retire_all_but(site, current, progress);
}

Result<void> Serving::keep_warm(const model::Site& site, const Progress& progress) {
  TANDEM_CHECK(hide(site));
  TANDEM_TRY(const auto current, start_current(site, progress));
  TANDEM_CHECK(retire_by_hand(site, progress));
  return retire_all_but(site, current, progress);
}

Result<void> Serving::rest(const model::Site& site) {
  TANDEM_CHECK(hide(site));
  return stop(site);
}

Result<void> Serving::hide(const model::Site& site) {
  return tools_.ports.files.remove(tools_.layout.current_socket(site.domain));
}

Result<bool> Serving::wait_idle(const model::Site& site, std::chrono::milliseconds limit) {
  const auto until = tools_.ports.clock.boot_time() + limit;
  TANDEM_TRY(const auto busy, sockets(site.domain));
  for (const auto& socket : busy) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - tools_.ports.clock.boot_time());
    TANDEM_TRY(const bool idle, tools_.applications.wait_idle(socket, std::max(left, std::chrono::milliseconds(0))));
    if (!idle) return false;
  }
  return true;
}

Result<bool> Serving::wait_calm(const std::vector<model::Site>& sites, std::chrono::milliseconds young,
                                std::chrono::milliseconds limit) {
  std::vector<std::string> busy;
  for (const auto& site : sites) {
    TANDEM_TRY(const auto its, sockets(site.domain));
    busy.insert(busy.end(), its.begin(), its.end());
  }
  return tools_.applications.wait_calm(busy, young, limit);
}

Result<void> Serving::stop(const model::Site& site) {
  TANDEM_TRY(const auto running, started(site.domain));
  for (const auto& id : running)
    TANDEM_CHECK(end(site, id));
  TANDEM_TRY(const auto by_hand, SiteByHand(tools_, site.domain).serving());
  return by_hand && !by_hand->unit.empty() ? tools_.ports.services.stop(by_hand->unit) : Result<void>();
}

Result<void> Serving::wake(const model::Site& site) {
  TANDEM_TRY(const auto socket, current_socket(site));
  if (socket.empty()) return {}; // it was never deployed
  // Which thread takes a question is not ours to say: a few for each reach all of them, as a rule.
  const auto questions = std::min(4 * site.uwsgi.processes * site.uwsgi.threads, most_asked_at_once);
  std::vector<std::future<Result<void>>> answers;
  for (std::uint32_t i = 0; i < questions; ++i)
    answers.push_back(std::async(std::launch::async, [&] { return ask_health(site, socket); }));
  Result<void> all;
  for (auto& answer : answers)
    if (auto well = answer.get(); !well && all) all = std::move(well);
  return all;
}

Result<void> Serving::check_health(const model::Site& site) {
  TANDEM_TRY(const auto socket, current_socket(site));
  return socket.empty() ? Result<void>() : ask_health(site, socket); // empty: it was never deployed
}

Result<std::vector<std::string>> Serving::started(const std::string& domain) {
  auto names = tools_.ports.files.list(tools_.layout.state_folder(domain));
  if (!names && names.error().kind == ErrorKind::not_found) return std::vector<std::string>{};
  if (!names) return std::unexpected(std::move(names).error());
  std::vector<std::string> ids;
  for (const auto& name : *names)
    if (name.ends_with(".ini") && is_release_id(name.substr(0, name.size() - 4)))
      ids.push_back(name.substr(0, name.size() - 4));
  return ids;
}

} // namespace tandem::sites
