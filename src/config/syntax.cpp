#include "config/syntax.hpp"

#include "base/text.hpp"

namespace tandem::config {

namespace {

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_alnum(char c) {
  return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

// All characters are letters, digits or among the others.
bool only(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text, [&](char c) { return is_alnum(c) || others.contains(c); });
}

bool only_lower(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text, [&](char c) { return is_lower(c) || is_digit(c) || others.contains(c); });
}

bool sized(std::string_view text, std::size_t most) {
  return !text.empty() && text.size() <= most;
}

bool has_parent_part(std::string_view path) {
  const auto parts = split(path, '/');
  return std::ranges::find(parts, "..") != parts.end();
}

bool is_python_name(std::string_view text) {
  return !text.empty() && !is_digit(text.front()) && only(text, "_");
}

bool is_port(std::string_view text) {
  const auto port = to_number(text);
  return port && *port >= 1 && *port <= 65535;
}

} // namespace

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_label(std::string_view text) {
  return sized(text, 63) && only_lower(text, "-") && text.front() != '-' && text.back() != '-';
}

bool is_domain(std::string_view text) {
  const auto labels = split(text, '.');
  if (!sized(text, 253) || labels.size() < 2 || !std::ranges::all_of(labels, is_label)) return false;
  return !std::ranges::all_of(labels.back(), is_digit); // that would be an address
}

bool is_host(std::string_view text) {
  return is_label(text) || is_domain(text) || is_address(text);
}

bool is_mail(std::string_view text) {
  const auto at = text.find('@');
  if (at == std::string_view::npos || at > 64) return false;
  const auto local = text.substr(0, at);
  return is_domain(text.substr(at + 1)) && !local.empty() && only(local, "!#$%&'*+-/=?^_`{|}~.") &&
         local.front() != '-' && local.front() != '|' && local.front() != '/';
}

bool is_mail_route(std::string_view text) {
  if (text == "internet" || text == "local") return true;
  constexpr std::string_view word = "smarthost ";
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || is_ipv6(text)) return is_host(text);
  return is_host(text.substr(0, colon)) && is_port(text.substr(colon + 1));
}

bool is_timezone(std::string_view text) {
  const auto parts = split(text, '/');
  return text.size() <= 64 && std::ranges::all_of(parts, [](const std::string& part) {
           return !part.empty() && only(part, "_+-") && part.front() != '-' && part.front() != '+';
         });
}

bool is_package(std::string_view text) {
  return text.size() >= 2 && text.size() <= 128 && only_lower(text, "+-.") && (is_lower(text[0]) || is_digit(text[0]));
}

bool is_user_name(std::string_view text) {
  return sized(text, 32) && only_lower(text, "_-") && (is_lower(text.front()) || text.front() == '_');
}

bool is_absolute_path(std::string_view text) {
  return sized(text, 4095) && text.size() > 1 && text.front() == '/' && text.back() != '/' && !text.contains("//") &&
         !has_parent_part(text);
}

bool is_relative_path(std::string_view text) {
  return sized(text, 4095) && text.front() != '/' && text.front() != '-' && text.back() != '/' &&
         !text.contains("//") && !has_parent_part(text);
}

bool is_file_path(std::string_view text) {
  return is_absolute_path(text) || is_relative_path(text);
}

bool is_folder_name(std::string_view text) {
  return sized(text, 255) && only(text, "._-") && text.front() != '-' && text.front() != '.';
}

bool is_file_pattern(std::string_view text) {
  return sized(text, 255) && is_printable(text) && !text.contains('/') && text.front() != '.';
}

bool is_exclude_pattern(std::string_view text) {
  // Classes ([[:digit:]]) are rsync's alone: the stream of files does not know them.
  return !text.empty() && text != "!" && !text.contains("[:") && !text.starts_with("+ ") && !text.starts_with("- ");
}

bool is_url_path(std::string_view text) {
  return sized(text, 2048) && text.front() == '/' && only(text, "/._~-%!$&'()*+,;=:@?");
}

bool is_serve_prefix(std::string_view text) {
  return sized(text, 255) && text.size() > 2 && text.front() == '/' && text.back() == '/' && only(text, "/._~-") &&
         !text.contains("//") && !has_parent_part(text);
}

bool is_https_url(std::string_view text) {
  constexpr std::string_view scheme = "https://";
  if (!text.starts_with(scheme) || text.size() > 2048) return false;
  text.remove_prefix(scheme.size());
  return !text.empty() && is_alnum(text.front() == '[' ? '0' : text.front()) && only(text, "/._~-%:[]");
}

bool is_sql_name(std::string_view text) {
  return sized(text, 63) && only_lower(text, "_") && !is_digit(text.front());
}

bool is_extension(std::string_view text) {
  return sized(text, 63) && only_lower(text, "_-") && is_lower(text.front());
}

bool is_database_setting(std::string_view text) {
  const auto parts = split(text, '.');
  return parts.size() <= 2 && std::ranges::all_of(parts, is_sql_name);
}

bool is_uwsgi_option(std::string_view text) {
  return sized(text, 64) && only_lower(text, "-_") && is_lower(text.front());
}

bool is_environment_name(std::string_view text) {
  return sized(text, 128) && is_python_name(text);
}

bool is_branch(std::string_view text) {
  constexpr std::string_view forbidden = " ~^:?*[\\";
  if (!sized(text, 200) || text.find_first_of(forbidden) != std::string_view::npos) return false;
  if (text.contains("@{") || text == "@" || text.front() == '-' || text.contains("..")) return false;
  const auto parts = split(text, '/');
  return std::ranges::all_of(parts, [](const std::string& part) {
    return !part.empty() && part.front() != '.' && part.back() != '.' && !part.ends_with(".lock");
  });
}

bool is_module(std::string_view text) {
  const auto parts = split(text, '.');
  return text.size() <= 255 && std::ranges::all_of(parts, is_python_name);
}

bool is_wsgi(std::string_view text) {
  const auto colon = text.find(':');
  return colon != std::string_view::npos && is_module(text.substr(0, colon)) && is_python_name(text.substr(colon + 1));
}

bool is_command(std::string_view text) {
  char open = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && open != '\'') {
      if (++i == text.size()) return false;
    } else if (open != 0) {
      if (text[i] == open) open = 0;
    } else if (text[i] == '\'' || text[i] == '"') {
      open = text[i];
    }
  }
  return open == 0 && !trim(text).empty();
}

bool is_text(std::string_view text) {
  return !text.empty();
}

} // namespace tandem::config
