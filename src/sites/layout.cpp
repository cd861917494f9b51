#include "sites/layout.hpp"

#include "base/text.hpp"
#include "model/places.hpp"

#include <ctime>

namespace tandem::sites {

namespace {

constexpr std::size_t time_digits = 14;
constexpr std::size_t commit_digits = 7;

bool all_of_kind(std::string_view text, std::string_view kind) {
  return text.find_first_not_of(kind) == std::string_view::npos;
}

std::string escaped(std::string_view text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.";
  std::string result;
  for (const char letter : text) {
    if (letter == '/')
      result += '-';
    else if (plain.find(letter) != std::string_view::npos && !(letter == '.' && result.empty()))
      result += letter;
    else
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(letter));
  }
  return result;
}

} // namespace

std::string Layout::site_link(const std::string& domain) const {
  return www + "/" + domain;
}

std::string Layout::link_target(const std::string& domain, const std::string& release) const {
  return ".releases/" + domain + "/" + release;
}

std::string Layout::site_folder(const std::string& domain) const {
  return www + "/.releases/" + domain;
}

std::string Layout::mirror(const std::string& domain) const {
  return site_folder(domain) + "/repo.git";
}

std::string Layout::shared(const std::string& domain, const std::string& folder) const {
  return site_folder(domain) + "/shared/" + folder;
}

std::string Layout::building(const std::string& domain) const {
  return site_folder(domain) + "/building";
}

std::string Layout::building_copy(const std::string& domain, const std::string& folder) const {
  return building(domain) + "/copy/" + folder;
}

std::string Layout::building_moves(const std::string& domain) const {
  return building(domain) + "/moves";
}

std::string Layout::environment(const std::string& domain, const std::string& key) const {
  return site_folder(domain) + "/envs/" + key;
}

std::string Layout::release(const std::string& domain, const std::string& release) const {
  return site_folder(domain) + "/" + release;
}

std::string Layout::manifest(const std::string& domain, const std::string& release) const {
  return this->release(domain, release) + "/.tandem-release.json";
}

std::string Layout::history(const std::string& domain) const {
  return site_folder(domain) + "/history.json";
}

std::string Layout::state_folder(const std::string& domain) const {
  return state + "/sites/" + domain;
}

std::string Layout::deploy_logs(const std::string& domain) const {
  return state + "/deploys/" + domain;
}

std::string Layout::uwsgi_ini(const std::string& domain, const std::string& release) const {
  return state_folder(domain) + "/" + release + ".ini";
}

std::string Layout::uwsgi_environment(const std::string& domain, const std::string& release) const {
  return state_folder(domain) + "/" + release + ".env";
}

std::string Layout::current_environment(const std::string& domain) const {
  return state_folder(domain) + "/current.env";
}

std::string Layout::socket_folder(const std::string& domain) const {
  return run + "/tandem-sites/" + domain;
}

std::string Layout::socket(const std::string& domain, const std::string& release) const {
  return socket_folder(domain) + "/" + release + ".sock";
}

std::string Layout::current_socket(const std::string& domain) const {
  return socket_folder(domain) + "/current.sock";
}

std::string Layout::imports(const std::string& domain) const {
  return model::import_spool + ("/" + domain);
}

std::string Layout::by_hand(const std::string& domain) const {
  return state_folder(domain) + "/by-hand.json";
}

std::string Layout::was_by_hand(const std::string& domain) const {
  return state_folder(domain) + "/was-by-hand.json";
}

std::string Layout::notes_by_hand(const std::string& domain) const {
  return state_folder(domain) + "/notes-by-hand";
}

std::string Layout::kept_by_hand(const std::string& domain, int number) const {
  return site_folder(domain) + "/by-hand" + (number == 1 ? std::string() : fmt::format("-{}", number));
}

std::string release_id(std::chrono::system_clock::time_point now, std::string_view commit) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}-{}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min, utc.tm_sec, commit.substr(0, commit_digits));
}

bool is_release_id(std::string_view text) {
  return text.size() == time_digits + 1 + commit_digits && text[time_digits] == '-' &&
         all_of_kind(text.substr(0, time_digits), "0123456789") &&
         all_of_kind(text.substr(time_digits + 1), "0123456789abcdef");
}

std::string site_unit(const std::string& domain, const std::string& release) {
  return "tandem-site@" + escaped(domain + "/" + release) + ".service";
}

std::string site_unit_pattern(const std::string& domain) {
  return "tandem-site@" + replace_all(escaped(domain + "/"), "\\", "\\\\") + "*.service";
}

} // namespace tandem::sites
