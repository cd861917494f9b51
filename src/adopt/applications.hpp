// The uWSGI applications of a server that was set up by hand. Pure.
#pragma once
#include "adopt/draft.hpp"
#include "adopt/ini_file.hpp"

namespace tandem::adopt {

// One application, from a file of settings (in /etc/uwsgi/apps-enabled, or named by a service) or from a service's
// own words.
struct Application {
  std::string file;                   // where its settings stand
  std::vector<IniLine> lines;         // those, placeholders put in
  std::set<std::string> placeholders; // keys that are there for others: %(base)
  std::string service;                // the unit that runs it; "": Debian's uwsgi.service
  std::size_t service_line = 0;
  std::string service_file;
  std::string folder; // "/www/shop.test"; "" when it lies elsewhere
  std::vector<std::string> sockets;
  std::map<std::string, std::string> variables; // of the service's environment
  std::string user;                             // of the service

  // The last value of one of these keys, which are one option of uWSGI's; nullptr when it has none.
  [[nodiscard]] const IniLine* option(std::initializer_list<std::string_view> names) const;
};

[[nodiscard]] std::vector<Application> find_applications(Draft& draft, const Found& found);
// Its wsgi, owner, environment and [site.uwsgi]. Says what it cannot tell.
void draft_application(Draft& draft, const Application& application, model::Site& site);
// A socket's address without the ways in which nginx and uWSGI spell it.
[[nodiscard]] std::string plain_socket(std::string_view text);

} // namespace tandem::adopt
