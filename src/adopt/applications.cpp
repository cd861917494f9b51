#include "adopt/applications.hpp"

#include "adopt/unit_file.hpp"
#include "base/text.hpp"
#include "config/reserved.hpp"
#include "config/syntax.hpp"

#include <array>

namespace tandem::adopt {

namespace {

constexpr auto* debian_folder = "/etc/uwsgi/apps-enabled";

bool is_uwsgi(const std::vector<std::string>& words) {
  return !words.empty() && last_part(words.front()).starts_with("uwsgi");
}

// A service's own options, as if they stood in a file.
std::vector<IniLine> lines_of_words(const Service& service) {
  std::vector<IniLine> lines;
  for (std::size_t i = 1; i < service.words.size(); ++i) {
    const auto& word = service.words[i];
    if (!word.starts_with("--")) continue;
    const auto equals = word.find('=');
    IniLine line{"uwsgi", word.substr(2, equals == std::string::npos ? equals : equals - 2), "true", service.line};
    if (equals != std::string::npos)
      line.value = word.substr(equals + 1);
    else if (i + 1 < service.words.size() && !service.words[i + 1].starts_with('-'))
      line.value = service.words[++i];
    if (line.key != "ini" && line.key != "emperor") lines.push_back(std::move(line));
  }
  return lines;
}

// "/www/shop.test" of a path in it; "" of any other.
std::string site_folder_of(const std::string& path) {
  constexpr std::string_view start = "/www/";
  if (!path.starts_with(start)) return {};
  return path.substr(0, path.find('/', start.size()));
}

void read_lines(Draft& draft, Application& application, const std::string& text) {
  const auto ini = parse_ini(text);
  for (const auto number : ini.strangers)
    draft.cannot_tell(application.file, number, "a line that uWSGI would not take either");
  for (auto line : ini.lines) {
    if (line.section != "uwsgi") {
      draft.cannot_tell(application.file, line.line, "[" + line.section + "] " + line.key + ": only [uwsgi] is read");
      continue;
    }
    for (const auto& above : application.lines)
      if (line.value.contains("%(" + above.key + ")")) application.placeholders.insert(above.key);
    line.value = expand_uwsgi(line.value, application.file, application.lines);
    line.key = replace_all(line.key, "_", "-");
    application.lines.push_back(std::move(line));
  }
}

void find_places(Application& application) {
  for (const auto& line : application.lines) {
    if (line.key == "socket" || line.key == "uwsgi-socket") application.sockets.push_back(plain_socket(line.value));
    for (const std::string_view key : {"chdir", "virtualenv", "venv", "home", "pythonpath", "wsgi-file"})
      if (line.key == key && application.folder.empty()) application.folder = site_folder_of(without_slash(line.value));
  }
}

Application from_ini(Draft& draft, const Found& found, const std::string& path) {
  Application application{.file = path};
  if (const auto* text = found.file(path)) read_lines(draft, application, *text);
  find_places(application);
  return application;
}

void add_of_service(Draft& draft, const Found& found, const ServiceUnit& unit, std::vector<Application>& into) {
  const auto service = understand_service(unit, found);
  if (!is_uwsgi(service.words)) return;
  auto paths = ini_files_of(service.words);
  if (const auto folder = emperor_folder_of(service.words); !folder.empty())
    for (const auto& path : found.in(folder))
      if (path.ends_with(".ini")) paths.push_back(path);
  std::vector<Application> applications;
  for (const auto& path : paths)
    if (found.file(path) != nullptr)
      applications.push_back(from_ini(draft, found, path));
    else
      draft.cannot_tell(unit.path, service.line, unit.name + " names " + path + ", which is not there");
  if (paths.empty()) applications.push_back({.file = unit.path, .lines = lines_of_words(service)});
  for (auto& application : applications) {
    application.service = unit.name;
    application.service_file = unit.path;
    application.service_line = service.line;
    application.variables = service.variables;
    application.user = service.user;
    if (paths.empty()) find_places(application);
    if (application.folder.empty()) application.folder = site_folder_of(without_slash(service.folder));
    into.push_back(std::move(application));
  }
}

std::optional<std::uint32_t> count_of(const Application& application, std::initializer_list<std::string_view> names) {
  const auto* line = application.option(names);
  const auto number = line == nullptr ? std::nullopt : to_number(line->value);
  if (!number || *number < 1 || *number > 1024) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

// "shop.wsgi:application" of module and callable, or of a file.
std::string wsgi_of(const Application& application) {
  const auto* callable = application.option({"callable"});
  const auto name = callable == nullptr ? std::string("application") : callable->value;
  if (const auto* module = application.option({"module", "wsgi"}))
    return module->value.contains(':') ? module->value : module->value + ":" + name;
  const auto* file = application.option({"wsgi-file", "file"});
  if (file == nullptr) return {};
  auto path = file->value;
  if (path.starts_with(application.folder + "/")) path = path.substr(application.folder.size() + 1);
  if (path.starts_with('/') || !path.ends_with(".py")) return {};
  return replace_all(path.substr(0, path.size() - 3), "/", ".") + ":" + name;
}

bool is_secret(const std::string& name, const std::string& value) {
  std::string capitals;
  for (const unsigned char letter : name)
    capitals += static_cast<char>(std::toupper(letter));
  for (const std::string_view part : {"SECRET", "PASSWORD", "PASSWD", "TOKEN", "PRIVATE", "_KEY", "DSN", "_PASS", "PWD",
                                      "CREDENTIAL", "APIKEY", "API_KEY"})
    if (capitals.contains(part)) return true;
  std::string said;
  for (const unsigned char letter : value)
    said += static_cast<char>(std::toupper(letter));
  for (const std::string_view part : {"PASSWORD", "PASSWD", "SECRET", "TOKEN"})
    if (said.contains(part)) return true;
  // An address with a password in it: postgres://user:password@host/
  const auto scheme = value.find("://");
  return scheme != std::string::npos && value.find('@', scheme) != std::string::npos;
}

void add_variable(Draft& draft, model::Site& site, std::map<std::string, std::string>& secrets, const std::string& file,
                  std::size_t line, const std::string& name, const std::string& value) {
  if (!config::is_environment_name(name) || config::reserved::environment_variable(name) != nullptr)
    draft.cannot_tell(file, line, "the variable " + name + ": tandem sets it itself, or does not take it");
  else if (value.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos)
    draft.cannot_tell(file, line, "the variable " + name + ": its value is more than one line");
  else if (is_secret(name, value) || !config::is_printable(value))
    secrets[name] = value;
  else
    site.environment[name] = value;
}

void draft_environment(Draft& draft, const Application& application, model::Site& site) {
  std::map<std::string, std::string> secrets;
  for (const auto& [name, value] : application.variables)
    add_variable(draft, site, secrets, application.service_file, 0, name, value);
  for (const auto& line : application.lines) {
    if (line.key != "env") continue;
    const auto equals = line.value.find('=');
    if (equals == std::string::npos)
      draft.cannot_tell(application.file, line.line, "env without a value");
    else
      add_variable(draft, site, secrets, application.file, line.line, std::string(trim(line.value.substr(0, equals))),
                   std::string(trim(line.value.substr(equals + 1))));
  }
  if (secrets.empty()) return;
  const auto path = "secrets/" + site.domain + ".env";
  for (const auto& [name, value] : secrets)
    draft.secrets[path] += name + "=\"" + replace_all(replace_all(value, "\\", "\\\\"), "\"", "\\\"") + "\"\n";
  site.environment_file = model::SecretFile{path, path};
}

// What tandem does itself for every application, in its own way.
constexpr std::array<std::string_view, 45> own_options{"socket",
                                                       "uwsgi-socket",
                                                       "chmod-socket",
                                                       "chown-socket",
                                                       "master",
                                                       "vacuum",
                                                       "plugin",
                                                       "plugins",
                                                       "die-on-term",
                                                       "need-app",
                                                       "pidfile",
                                                       "safe-pidfile",
                                                       "chdir",
                                                       "pythonpath",
                                                       "virtualenv",
                                                       "venv",
                                                       "home",
                                                       "module",
                                                       "wsgi",
                                                       "wsgi-file",
                                                       "file",
                                                       "callable",
                                                       "uid",
                                                       "gid",
                                                       "processes",
                                                       "workers",
                                                       "threads",
                                                       "enable-threads",
                                                       "harakiri",
                                                       "env",
                                                       "lazy-apps",
                                                       "lazy",
                                                       "strict",
                                                       "logto",
                                                       "daemonize",
                                                       "logger",
                                                       "log-date",
                                                       "disable-logging",
                                                       "auto-procname",
                                                       "procname-prefix",
                                                       "procname-prefix-spaced",
                                                       "single-interpreter",
                                                       "thunder-lock",
                                                       "autoload",
                                                       "no-orphans"};

void draft_options(Draft& draft, const Application& application, model::Site& site) {
  for (const auto& line : application.lines) {
    if (std::ranges::find(own_options, line.key) != own_options.end()) continue;
    if (application.placeholders.contains(line.key)) continue;
    const auto same = site.uwsgi.settings.find(line.key);
    const bool twice = same != site.uwsgi.settings.end() && same->second != line.value;
    if (is_secret(line.key, line.value))
      draft.cannot_tell(application.file, line.line,
                        "uWSGI's option " + line.key + ", whose value looks like a secret and is not written down");
    else if (!config::is_uwsgi_option(line.key) || config::reserved::uwsgi_option(line.key) != nullptr ||
             !config::is_printable(line.value) || line.value.contains('[') || twice)
      draft.cannot_tell(application.file, line.line, "uWSGI's option \"" + line.key + " = " + line.value + "\"");
    else
      site.uwsgi.settings[line.key] = line.value.empty() ? "true" : line.value;
  }
}

} // namespace

const IniLine* Application::option(std::initializer_list<std::string_view> names) const {
  const IniLine* found = nullptr;
  for (const auto& line : lines)
    if (std::ranges::find(names, line.key) != names.end()) found = &line;
  return found;
}

std::string plain_socket(std::string_view text) {
  constexpr std::string_view scheme = "unix:";
  if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
  while (text.starts_with("//"))
    text.remove_prefix(1);
  if (text.starts_with("127.0.0.1:") || text.starts_with("localhost:")) text.remove_prefix(text.find(':'));
  return std::string(text.substr(0, text.find(' ')));
}

std::vector<Application> find_applications(Draft& draft, const Found& found) {
  std::vector<Application> applications;
  for (const auto& unit : found.services)
    add_of_service(draft, found, unit, applications);
  for (const auto& path : found.in(debian_folder)) {
    if (!path.ends_with(".ini")) continue;
    auto application = from_ini(draft, found, path);
    // /usr/share/uwsgi/conf/default.ini, which Debian's service reads first.
    const auto name = last_part(path);
    application.sockets.push_back("/run/uwsgi/app/" + name.substr(0, name.size() - 4) + "/socket");
    applications.push_back(std::move(application));
  }
  return applications;
}

void draft_application(Draft& draft, const Application& application, model::Site& site) {
  site.wsgi = wsgi_of(application);
  const auto* uid = application.option({"uid"});
  site.owner = uid == nullptr ? application.user : uid->value;
  if (const auto* gid = application.option({"gid"}); gid != nullptr && gid->value != "www-data")
    draft.cannot_tell(application.file, gid->line, "the group " + gid->value + ": sites run in the group www-data");
  if (const auto processes = count_of(application, {"processes", "workers"})) site.uwsgi.processes = *processes;
  if (const auto threads = count_of(application, {"threads"})) site.uwsgi.threads = *threads;
  if (const auto* harakiri = application.option({"harakiri"}))
    if (const auto seconds = to_number(harakiri->value); seconds && *seconds >= 1 && *seconds <= 24 * 3600)
      site.uwsgi.harakiri = model::Seconds(*seconds);
  if (const auto* home = application.option({"virtualenv", "venv", "home"});
      home != nullptr && without_slash(home->value) != application.folder + "/env")
    draft.cannot_tell(application.file, home->line,
                      "the virtualenv " + home->value + ": tandem makes one for each set of requirements");
  draft_environment(draft, application, site);
  draft_options(draft, application, site);
}

} // namespace tandem::adopt
