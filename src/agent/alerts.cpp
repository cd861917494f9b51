#include "agent/alerts.hpp"

#include "agent/configuration.hpp"
#include "agent/times.hpp"
#include "base/text.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds settled = minutes(1);
constexpr seconds left_to_others = 2 * settled; // to be sure that the one that speaks has had the time
constexpr seconds between_reminders = hours(24);
constexpr seconds longest_gap{30};           // between two sights of what has stood all the time
constexpr std::size_t longest_subject = 120; // bytes

bool is_digit(char letter) {
  return letter >= '0' && letter <= '9';
}

// "35", "1.5", "2026-11-27", "10:00:01", "-3", "40%", "12MB": digits with what stands in numbers and moments, and a
// unit.
bool is_variable(std::string_view word) {
  static const std::set<std::string_view> units{"", "%", "s", "ms", "min", "h", "d", "B", "kB", "MB", "GB", "TB"};
  const auto end = std::ranges::find_if_not(
      word, [](char letter) { return is_digit(letter) || std::string_view(".,:+-").contains(letter); });
  const auto length = static_cast<std::size_t>(end - word.begin());
  return std::ranges::any_of(word.substr(0, length), is_digit) && units.contains(word.substr(length));
}

std::string_view without_punctuation(std::string_view word) {
  constexpr std::string_view around = ",;:.()";
  const auto first = word.find_first_not_of(around);
  if (first == std::string_view::npos) return {};
  return word.substr(first, word.find_last_not_of(around) - first + 1);
}

// RFC 2047: a header is ASCII.
std::string header_text(std::string text) {
  for (auto& letter : text)
    if (static_cast<unsigned char>(letter) < ' ' || letter == '\x7f') letter = ' ';
  auto end = std::min(text.size(), longest_subject);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U)
    --end; // not within a letter
  if (end < text.size()) text = text.substr(0, end) + "...";
  const bool ascii = std::ranges::all_of(text, [](char letter) { return static_cast<unsigned char>(letter) < 0x80; });
  return ascii ? text : "=?UTF-8?B?" + to_base64(text) + "?=";
}

std::string subject_of(const AlertMessage& message) {
  const auto more = [](std::size_t count) { return count < 2 ? "" : fmt::format(" (and {} more)", count - 1); };
  if (!message.begun.empty()) return message.begun.front().text + more(message.begun.size());
  if (message.reminds) return "still: " + message.open.front().text + more(message.open.size());
  if (message.open.empty() && !message.ended.empty()) return "all is well again";
  return "over: " + message.ended.front().text + more(message.ended.size());
}

void add_list(std::string& text, const std::string& heading, const std::vector<Alert>& alerts) {
  if (alerts.empty()) return;
  text += heading + "\n";
  for (const auto& alert : alerts)
    text += fmt::format("  {}  {}\n", utc_text(alert.since), replace_all(alert.text, "\n", "\n    "));
  text += "\n";
}

peer::Json list_json(const std::vector<Alert>& alerts, bool notices) {
  auto list = peer::Json::array();
  for (const auto& alert : alerts)
    if (alert.notice == notices) list.push_back({{"text", alert.text}, {"since", utc_text(alert.since)}});
  return list;
}

std::int64_t number_of(WallMoment moment) {
  return moment.time_since_epoch().count();
}

WallMoment moment_of(const peer::Json& json, const char* name) {
  return WallMoment(seconds(json.at(name).get<std::int64_t>()));
}

peer::Json numbers_of(const std::map<Channel, WallMoment>& moments) {
  auto numbers = peer::Json::object();
  for (const auto& [channel, moment] : moments)
    numbers[channel] = number_of(moment);
  return numbers;
}

std::map<Channel, WallMoment> moments_of(const peer::Json& numbers) {
  std::map<Channel, WallMoment> moments;
  for (const auto& [channel, number] : numbers.items())
    moments[channel] = moment_of(numbers, channel.c_str());
  return moments;
}

} // namespace

std::string stable_part(const std::string& text) {
  // Why it does not changes while it boots.
  for (const std::string_view end : {" does not answer: ", " reach nobody: "})
    if (const auto at = text.find(end); at != std::string::npos) return text.substr(0, at + end.size());
  std::string stable;
  for (const auto& word : split(text, ' ')) {
    const auto bare = without_punctuation(word);
    stable += (stable.empty() ? "" : " ") + (is_variable(bare) ? "#" : word);
  }
  return stable;
}

void AlertBook::see(const std::vector<std::string>& problems, const std::string& primary,
                    const std::set<Channel>& channels, WallMoment now, const std::set<std::string>& silent) {
  set_back_to(now);
  if (!primary_.empty() && !primary.empty() && primary != primary_) {
    const auto text = fmt::format("{} is the primary now; {} was it before", primary, primary_);
    alerts_[fmt::format("{} since {}", text, number_of(now))] = {
        .text = text, .since = now, .seen = now, .told = {}, .notice = true};
  }
  if (!primary.empty()) primary_ = primary;
  for (const auto& problem : problems) {
    auto& alert = alerts_[stable_part(problem)];
    const bool gap = alert.told.empty() && now - alert.seen > longest_gap;
    if (alert.text.empty() || gap) alert.since = now;
    alert.text = problem;
    alert.seen = now;
  }
  for (auto entry = alerts_.begin(); entry != alerts_.end();) {
    auto& alert = entry->second;
    if (!alert.told.empty() && silent.contains(alert.text.substr(0, alert.text.find(": ")))) alert.seen = now;
    std::erase_if(alert.told, [&](const auto& entry) { return !channels.contains(entry.first); });
    const bool over =
        alert.notice ? alert.told.size() == channels.size() : alert.told.empty() && now - alert.seen >= settled;
    entry = over ? alerts_.erase(entry) : std::next(entry);
  }
}

void AlertBook::begin(WallMoment now) {
  for (auto& [key, alert] : alerts_)
    if (!alert.told.empty()) alert.seen = now;
}

// A clock that was ahead and is right again must not keep anything back for as long as it was wrong.
void AlertBook::set_back_to(WallMoment now) {
  for (auto& [key, alert] : alerts_) {
    alert.since = std::min(alert.since, now);
    alert.seen = std::min(alert.seen, now);
    for (auto& [channel, moment] : alert.told)
      moment = std::min(moment, now);
  }
  for (auto& [channel, moment] : spoke_)
    moment = std::min(moment, now);
}

AlertMessage AlertBook::due(const Channel& channel, WallMoment now) const {
  AlertMessage message;
  if (const auto spoke = spoke_.find(channel); spoke != spoke_.end() && now - spoke->second < settled) return message;
  for (const auto& [key, alert] : alerts_) {
    const auto told = alert.told.find(channel);
    const bool stands = alert.seen == now;
    if (alert.notice) {
      if (told == alert.told.end()) message.begun.push_back(alert);
    } else if (told == alert.told.end()) {
      if (stands && now - alert.since >= settled) message.begun.push_back(alert);
    } else if (now - alert.seen >= settled) {
      message.ended.push_back(alert);
    } else {
      message.open.push_back(alert);
      if (now - told->second >= between_reminders) message.reminds = true;
    }
  }
  return message;
}

void AlertBook::told(const Channel& channel, const AlertMessage& message, WallMoment now) {
  spoke_[channel] = now;
  const auto find = [this](const Alert& alert) {
    return std::ranges::find_if(alerts_, [&](const auto& entry) {
      return entry.second.text == alert.text && entry.second.since == alert.since;
    });
  };
  for (const auto* list : {&message.begun, &message.open})
    for (const auto& alert : *list) {
      const auto entry = find(alert);
      if (entry == alerts_.end()) continue;
      entry->second.told[channel] = now;
    }
  for (const auto& alert : message.ended) {
    const auto entry = find(alert);
    if (entry == alerts_.end()) continue;
    entry->second.told.erase(channel);
    if (entry->second.told.empty()) alerts_.erase(entry);
  }
}

void AlertBook::leave_to_others(const std::set<Channel>& channels, WallMoment now) {
  for (auto entry = alerts_.begin(); entry != alerts_.end();) {
    auto& alert = entry->second;
    if (now - alert.since >= left_to_others)
      for (const auto& channel : channels)
        alert.told.try_emplace(channel, now);
    entry = now - alert.seen >= left_to_others ? alerts_.erase(entry) : std::next(entry);
  }
}

std::vector<Alert> AlertBook::all() const {
  std::vector<Alert> list;
  for (const auto& [key, alert] : alerts_)
    list.push_back(alert);
  return list;
}

peer::Json AlertBook::to_json() const {
  auto alerts = peer::Json::object();
  for (const auto& [key, alert] : alerts_)
    alerts[key] = {{"text", alert.text},
                   {"since", number_of(alert.since)},
                   {"seen", number_of(alert.seen)},
                   {"told", numbers_of(alert.told)},
                   {"notice", alert.notice}};
  return {{"primary", primary_}, {"alerts", std::move(alerts)}};
}

AlertBook AlertBook::from_json(const peer::Json& json) {
  try {
    AlertBook book;
    book.primary_ = json.at("primary").get<std::string>();
    for (const auto& [key, alert] : json.at("alerts").items())
      book.alerts_[key] = {.text = alert.at("text").get<std::string>(),
                           .since = moment_of(alert, "since"),
                           .seen = moment_of(alert, "seen"),
                           .told = moments_of(alert.at("told")),
                           .notice = alert.at("notice").get<bool>()};
    return book;
  } catch (const peer::Json::exception&) {
    return {};
  }
}

std::string mail_text(const AlertSource& source, const std::string& to, const AlertMessage& message) {
  auto text = fmt::format("To: {}\n"
                          "Subject: {}\n"
                          "Auto-Submitted: auto-generated\n"
                          "MIME-Version: 1.0\n"
                          "Content-Type: text/plain; charset=utf-8\n"
                          "Content-Transfer-Encoding: 8bit\n\n",
                          to, header_text(fmt::format("[tandem {}] {}", source.pair, subject_of(message))));
  add_list(text, "New:", message.begun);
  add_list(text, "Over:", message.ended);
  add_list(text, message.reminds ? "For a day or longer:" : "Known before, and not over:", message.open);
  return text + fmt::format("{} tells this for the pair {}; `tandem status` there shows how it stands now.\n",
                            source.server, source.pair);
}

peer::Json alert_json(const AlertSource& source, const AlertMessage& message) {
  return {{"pair", source.pair},
          {"server", source.server},
          {"begun", list_json(message.begun, false)},
          {"notices", list_json(message.begun, true)},
          {"ended", list_json(message.ended, false)},
          {"open", list_json(message.open, false)}};
}

} // namespace tandem::agent
