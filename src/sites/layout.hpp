// Where a site's releases lie, and how releases and their units are named. Pure.
//
//   WWW/DOMAIN -> .releases/DOMAIN/RELEASE            the release that is served
//   WWW/.releases/DOMAIN/repo.git                     what was fetched; its submodules in modules/KEY
//                        shared/FOLDER                kept from release to release
//                        building/                    what a deploy's steps see of some of them: built_folders.hpp
//                        by-hand/                     WWW/DOMAIN as it was before its first release, set up by hand
//                        envs/KEY                     virtualenvs, one for each set of requirements
//                        RELEASE/                     the checkout, with env, media, … as links
//   STATE/sites/DOMAIN/RELEASE.ini, RELEASE.env       uWSGI's settings of a release that runs or is about to
//                      current.env -> RELEASE.env     what the site's jobs find in their environment
//                      by-hand.json                   what serves a site that was set up by hand: see by_hand.hpp
//   STATE/deploys/DOMAIN/NUMBER.json, NUMBER.log      what became of each deploy: see deploy_log.hpp
//   RUN/tandem-sites/DOMAIN/RELEASE.sock              its socket
//                           current.sock -> RELEASE.sock   where nginx connects
//   SPOOL/imports/DOMAIN/…                            uploads that were taken in: see import_spool.hpp
//
// Only root may write in .releases/DOMAIN and STATE; a release, an environment and a shared folder belong to the site's
// owner. A repository that its own site could change would let the site run programs as root at the next fetch.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

namespace tandem::sites {

struct Layout {
  std::string www = "/www";
  std::string state = "/var/lib/tandem";
  std::string run = "/run";

  [[nodiscard]] std::string site_link(const std::string& domain) const;
  [[nodiscard]] std::string link_target(const std::string& domain, const std::string& release) const; // relative
  [[nodiscard]] std::string site_folder(const std::string& domain) const;
  [[nodiscard]] std::string mirror(const std::string& domain) const;
  [[nodiscard]] std::string shared(const std::string& domain, const std::string& folder) const;
  [[nodiscard]] std::string building(const std::string& domain) const;
  [[nodiscard]] std::string building_copy(const std::string& domain, const std::string& folder) const;
  [[nodiscard]] std::string building_moves(const std::string& domain) const; // files on their way out of a copy
  [[nodiscard]] std::string environment(const std::string& domain, const std::string& key) const;
  [[nodiscard]] std::string release(const std::string& domain, const std::string& release) const;
  [[nodiscard]] std::string manifest(const std::string& domain, const std::string& release) const;
  [[nodiscard]] std::string history(const std::string& domain) const;
  [[nodiscard]] std::string state_folder(const std::string& domain) const;
  [[nodiscard]] std::string deploy_logs(const std::string& domain) const;
  [[nodiscard]] std::string uwsgi_ini(const std::string& domain, const std::string& release) const;
  [[nodiscard]] std::string uwsgi_environment(const std::string& domain, const std::string& release) const;
  [[nodiscard]] std::string current_environment(const std::string& domain) const;
  [[nodiscard]] std::string socket_folder(const std::string& domain) const;
  [[nodiscard]] std::string socket(const std::string& domain, const std::string& release) const;
  [[nodiscard]] std::string current_socket(const std::string& domain) const;
  [[nodiscard]] std::string imports(const std::string& domain) const;
  [[nodiscard]] std::string by_hand(const std::string& domain) const;
  [[nodiscard]] std::string was_by_hand(const std::string& domain) const;   // the same, once it has ended
  [[nodiscard]] std::string notes_by_hand(const std::string& domain) const; // its units and folders then
  // Folders that were WWW/DOMAIN, counted from 1: a standby may keep several.
  [[nodiscard]] std::string kept_by_hand(const std::string& domain, int number) const;
};

// UTC time and short commit, "20261124083000-85e57f8"; sorts by time.
[[nodiscard]] std::string release_id(std::chrono::system_clock::time_point now, std::string_view commit);
[[nodiscard]] bool is_release_id(std::string_view text);
// The systemd unit that runs the release: an instance of tandem-site@.service named "DOMAIN/RELEASE", escaped as
// systemd-escape does it.
[[nodiscard]] std::string site_unit(const std::string& domain, const std::string& release);
// Those of all the site's releases, as journalctl takes it: a pattern of names, in which a backslash is written twice.
[[nodiscard]] std::string site_unit_pattern(const std::string& domain);

} // namespace tandem::sites
