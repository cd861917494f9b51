// Rotation of the logs that are files: nginx's and the sites' own. Applications and agents write to the journal, which
// keeps itself in bounds.
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

// logrotate(8). A file that a program still writes to after it was renamed is compressed only the next time.
std::string rule(const View& view, const std::string& files, const std::string& more) {
  return fmt::format(
      "{} {{\n    {}\n    rotate {}\n    missingok\n    notifempty\n    compress\n    delaycompress\n{}}}\n", files,
      view.pair.logs.rotate, view.pair.logs.keep, more);
}

// Under the name of the package's own rule, since logrotate takes each file once.
std::string nginx_rule(const View& view) {
  return header() + rule(view, "/var/log/nginx/*.log",
                         "    sharedscripts\n"
                         "    create 0640 www-data adm\n"
                         "    prerotate\n"
                         "        if [ -d /etc/logrotate.d/httpd-prerotate ]; then run-parts "
                         "/etc/logrotate.d/httpd-prerotate; fi\n"
                         "    endscript\n"
                         "    postrotate\n"
                         "        if [ -s /run/nginx.pid ]; then kill -USR1 \"$(cat /run/nginx.pid)\"; fi\n"
                         "    endscript\n");
}

// Where the site itself writes: in a folder of somebody else's it could not.
bool holds_logs(const model::Site& site, const model::SiteFolder& folder) {
  const auto name = folder.name.substr(folder.name.rfind('/') + 1);
  return (name == "logs" || name == "log") && folder.owner.value_or(site.owner) == site.owner;
}

// As the site's owner, who could put anything in there; mode and owner of each file stay. The applications are not
// started anew for it: that could fail, at night and on both servers. They have to notice that their file has another
// name by now, as Python's WatchedFileHandler does.
std::string site_rules(const View& view) {
  std::string text;
  for (const auto& site : view.pair.sites)
    for (const auto& folder : site.folders)
      if (holds_logs(site, folder))
        text += rule(view, fmt::format("/www/.releases/{}/shared/{}/*.log", site.domain, folder.name),
                     "    su " + site.owner + " www-data\n    create\n");
  return text;
}

void add_rules(Resources& out, const std::string& path, std::string content, const std::string& why) {
  out.push_back(
      {.kind = converge::File{.path = path,
                              .content = std::move(content),
                              .check = converge::FileCheck{{"logrotate", "--debug", "--state", "/dev/null", "{}"}}},
       .why = why,
       .after = {"packages"}});
}

} // namespace

void add_logs(Resources& out, const View& view) {
  add_rules(out, "/etc/logrotate.d/nginx", nginx_rule(view), "[logs]");
  const std::string path = "/etc/logrotate.d/tandem-sites";
  if (auto rules = site_rules(view); !rules.empty())
    add_rules(out, path, header() + rules, "[logs] of the sites");
  else
    out.push_back({.kind = converge::Absent{path}, .why = "no site has a folder for logs"});
}

} // namespace tandem::setup
