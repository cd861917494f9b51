#include "adopt/crontab.hpp"
#include "adopt/draft.hpp"
#include "adopt/unit_file.hpp"
#include "base/text.hpp"
#include "config/syntax.hpp"
#include "sites/words.hpp"

namespace tandem::adopt {

namespace {

using Words = std::vector<std::string>;

// "/www/shop.test" among the words, or where they are run.
model::Site* site_of(Draft& draft, const std::string& text) {
  for (auto& site : draft.pair.sites) {
    const auto folder = "/www/" + site.domain;
    if (text == folder || text.contains(folder + "/") || text.contains(folder + " ") || text.ends_with(folder))
      return &site;
  }
  return nullptr;
}

// What celery's command line says; `nodes` are those of "celery multi".
struct CeleryWords {
  std::string what; // "worker", "beat"
  std::string app;
  std::string queues;
  std::string concurrency;
  std::string name;
  Words nodes;
  bool with_beat = false;
};

std::optional<std::string> value_of(const Words& words, std::size_t& at, std::string_view shorter,
                                    std::string_view longer) {
  const auto& word = words[at];
  if ((word == shorter || word == longer) && at + 1 < words.size()) return words[++at];
  if (word.starts_with(std::string(longer) + "=")) return word.substr(longer.size() + 1);
  if (word.starts_with(shorter) && word.size() > 2 && word[1] != '-') return word.substr(2);
  return std::nullopt;
}

CeleryWords celery_words(const Words& words) {
  CeleryWords celery;
  for (std::size_t at = 1; at < words.size(); ++at) {
    const auto& word = words[at];
    if (word == "worker" || word == "beat") celery.what = word;
    if (word == "multi" && at + 1 < words.size()) {
      celery.what = "worker";
      for (at += 2; at < words.size() && !words[at].starts_with('-'); ++at)
        celery.nodes.push_back(words[at]);
      if (at == words.size()) break;
    }
    if (words[at] == "-B" || words[at] == "--beat") celery.with_beat = true;
    if (auto value = value_of(words, at, "-A", "--app"))
      celery.app = *value;
    else if (value = value_of(words, at, "-Q", "--queues"); value)
      celery.queues = *value;
    else if (value = value_of(words, at, "-c", "--concurrency"); value)
      celery.concurrency = *value;
    else if (value = value_of(words, at, "-n", "--hostname"); value)
      celery.name = *value;
  }
  return celery;
}

std::string label_of(const std::string& text, const std::string& otherwise) {
  std::string label;
  for (const char letter : text.substr(0, text.find('@'))) {
    const auto small = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    label += small == '_' || small == '.' ? '-' : small;
  }
  return config::is_label(label) ? label : otherwise;
}

template <class Things>
std::string free_name(const Things& things, const std::string& wanted) {
  auto name = wanted;
  for (int number = 2; std::ranges::any_of(things, [&](const auto& thing) { return thing.name == name; }); ++number)
    name = wanted + "-" + std::to_string(number);
  return name;
}

class Celeries {
public:
  Celeries(Draft& draft, const Found& found) : draft_(draft), found_(found) {}

  void add(const ServiceUnit& unit) {
    const auto service = understand_service(unit, found_);
    if (service.words.empty() || last_part(service.words.front()).starts_with("uwsgi")) return; // a site's
    const auto position =
        std::ranges::find_if(service.words, [](const std::string& word) { return last_part(word) == "celery"; });
    if (position == service.words.end())
      return draft_.cannot_tell(unit.path, service.line, "the service " + unit.name + ", which stays as it is");
    auto* site = site_of(draft_, service.folder);
    if (site == nullptr) site = site_of(draft_, service.words.front());
    const auto celery = celery_words({position, service.words.end()});
    if (site == nullptr || celery.what.empty() || !config::is_module(celery.app))
      return draft_.cannot_tell(unit.path, service.line,
                                unit.name + ": of no site, or neither a worker nor beat of a celery application");
    if (site->celery && site->celery->app != celery.app)
      return draft_.cannot_tell(unit.path, service.line,
                                unit.name + ": the application " + celery.app + " beside " + site->celery->app);
    if (!service.user.empty() && service.user != site->owner)
      draft_.cannot_tell(unit.path, 0, unit.name + " runs as " + service.user + ": with tandem as " + site->owner);
    take(unit, service, celery, *site);
  }

private:
  void take(const ServiceUnit& unit, const Service& service, const CeleryWords& celery, model::Site& site) {
    if (!site.celery) {
      site.celery = model::Celery{.app = celery.app};
      draft_.cannot_tell(unit.path, service.line,
                         "which broker " + site.domain +
                             " has: with tandem tasks go over redis://127.0.0.1:6380/0, so say that in its settings");
    }
    site.celery->beat = site.celery->beat || celery.with_beat || celery.what == "beat";
    draft_.replaces(unit.path, service.line, "Celery of " + site.domain + "; its unit is " + unit.name);
    for (auto& known : draft_.by_hand.sites)
      if (known.domain == site.domain) known.workers.push_back(unit.name);
    if (celery.what == "beat") return;
    auto nodes = celery.nodes;
    if (nodes.empty()) nodes.push_back(celery.name);
    for (const auto& node : nodes)
      add_worker(unit, service, celery, node, *site.celery);
  }

  void add_worker(const ServiceUnit& unit, const Service& service, const CeleryWords& celery, const std::string& node,
                  model::Celery& into) {
    model::CeleryWorker worker;
    for (const auto& queue : celery.queues.empty() ? Words() : split(celery.queues, ',')) {
      if (config::is_folder_name(queue))
        worker.queues.push_back(queue);
      else
        draft_.cannot_tell(unit.path, service.line, "the queue \"" + queue + "\"");
    }
    worker.name = free_name(into.workers,
                            label_of(node, worker.queues.empty() ? "default" : label_of(worker.queues[0], "default")));
    const auto tasks = to_number(celery.concurrency);
    if (tasks && *tasks >= 1 && *tasks <= 1024)
      worker.concurrency = static_cast<std::uint32_t>(*tasks);
    else
      draft_.cannot_tell(unit.path, service.line,
                         "how many tasks at a time the worker " + worker.name + " does; 1 is taken");
    into.workers.push_back(std::move(worker));
  }

  Draft& draft_;
  const Found& found_;
};

class Crontabs {
public:
  Crontabs(Draft& draft, const Found& found, const Wishes& wishes) : draft_(draft), found_(found), wishes_(wishes) {}

  // `user`: whose table it is; "" where each line names one.
  void add(const std::string& path, const std::string& text, const std::string& user) {
    const auto table = parse_crontab(text, user.empty());
    for (const auto line : table.strangers)
      draft_.cannot_tell(path, line, "a line that cron would not take either");
    texts_ = lines_of(text);
    for (const auto& line : table.lines)
      take(path, line, user.empty() ? line.user : user);
    if (config::is_mail(table.mail_to) && draft_.pair.admin_mail.empty()) draft_.pair.admin_mail = table.mail_to;
  }

  // A script of cron.daily and the like: what is known is recognised by its lines.
  void add_script(const std::string& path, const std::string& text) {
    bool known = false;
    for (const auto& line : lines_of(text))
      known = take_clock(line) || known;
    if (known)
      draft_.replaces(path, 0, "setting the clock");
    else
      draft_.cannot_tell(path, 0, "a script of cron's, which stays as it is");
  }

private:
  // ntpdate's arguments that are no options are time servers.
  bool take_clock(const std::string& line) {
    const auto words = sites::split_command(line);
    if (!words || words->front().starts_with('#') || last_part(words->front()) != "ntpdate") return false;
    for (std::size_t i = 1; i < words->size(); ++i) {
      auto& servers = draft_.pair.host.time_servers;
      if (config::is_host((*words)[i]) && std::ranges::find(servers, (*words)[i]) == servers.end())
        servers.push_back((*words)[i]);
    }
    return true;
  }

  void take(const std::string& path, const CronLine& line, const std::string& user) {
    if (line.command.contains("run-parts") || line.command.contains("/usr/sbin/anacron")) return;
    if (line.command.contains("rsync") && line.command.contains("/www")) return take_rsync(path, line);
    if (take_clock(line.command)) return draft_.replaces(path, line.line, "setting the clock");
    auto* site = site_of(draft_, line.command);
    const auto command = site == nullptr ? std::nullopt : job_command(line.command, "/www/" + site->domain);
    const auto calendar = calendar_of(line.when);
    if (!command || !calendar || !config::is_command(*command) || !config::is_printable(*command))
      return draft_.cannot_tell(path, line.line, "\"" + line.when + " " + line.command + "\": it stays as it is");
    if (user != site->owner)
      draft_.cannot_tell(path, line.line,
                         "it runs as " + user + ": as a job of " + site->domain + " as " + site->owner);
    model::Job job{.schedule = *calendar, .run = *command};
    job.name = free_name(site->jobs, label_of(name_of(*command), "job"));
    draft_.replaces(path, line.line, "the job " + job.name + " of " + site->domain);
    for (auto& known : draft_.by_hand.sites)
      if (known.domain == site->domain) known.cron.push_back(entry(path, line));
    site->jobs.push_back(std::move(job));
  }

  // "feeds" of "python manage.py feeds --all", "clean" of "./clean.sh".
  static std::string name_of(const std::string& command) {
    const auto words = sites::split_command(command);
    if (!words) return {};
    for (std::size_t i = 0; i + 1 < words->size(); ++i)
      if ((*words)[i].ends_with("manage.py")) return (*words)[i + 1];
    const auto name = last_part(words->front());
    return name.substr(0, name.find('.'));
  }

  void take_rsync(const std::string& path, const CronLine& line) {
    const auto host = host_of_rsync(line.command);
    if (host.empty() || !is_other_server(found_, wishes_, host))
      return draft_.cannot_tell(path, line.line,
                                "rsync to " + (host.empty() ? "no other server" : host) +
                                    ", which stays as it is: nothing says that this is the other server. If it is, say "
                                    "it with --standby NAME=ADDRESS");
    draft_.replaces(path, line.line, "the comparison of files between the servers");
    draft_.by_hand.cron.push_back(entry(path, line));
    const auto words = sites::split_command(line.command);
    if (!words) return;
    for (std::size_t i = 0; i < words->size(); ++i) {
      std::string pattern;
      if ((*words)[i].starts_with("--exclude=")) pattern = (*words)[i].substr(10);
      if ((*words)[i] == "--exclude" && i + 1 < words->size()) pattern = (*words)[i + 1];
      auto& exclude = draft_.pair.files.exclude;
      if (!pattern.empty() && config::is_exclude_pattern(pattern) && config::is_printable(pattern) &&
          std::ranges::find(exclude, pattern) == exclude.end())
        exclude.push_back(pattern);
    }
  }

  [[nodiscard]] model::CronEntry entry(const std::string& path, const CronLine& line) const {
    return {path, line.line >= 1 && line.line <= texts_.size() ? texts_[line.line - 1] : std::string()};
  }

  Draft& draft_;
  const Found& found_;
  const Wishes& wishes_;
  std::vector<std::string> texts_; // of the table at hand
};

} // namespace

void draft_work(Draft& draft, const Found& found, const Wishes& wishes) {
  Celeries celeries(draft, found);
  for (const auto& unit : found.services)
    celeries.add(unit);
  Crontabs crontabs(draft, found, wishes);
  auto tables = found.in("/etc/cron.d");
  tables.emplace_back("/etc/crontab");
  for (const auto& path : tables)
    if (const auto* text = found.file(path); text != nullptr && !found.packaged.contains(path))
      crontabs.add(path, *text, "");
  for (const auto& path : found.in("/var/spool/cron/crontabs"))
    crontabs.add(path, *found.file(path), last_part(path));
  for (const auto* folder : {"/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly"})
    for (const auto& path : found.in(folder))
      if (!found.packaged.contains(path)) crontabs.add_script(path, *found.file(path));
}

} // namespace tandem::adopt
