#include "replication/files/patterns.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace tandem::replication {

namespace {

constexpr auto npos = std::string_view::npos;

// rsync(1): "[[:alpha:]]" and its like, of ASCII alone. Nothing: there is no such class.
std::optional<bool> in_class(std::string_view name, unsigned char letter) {
  using Is = int (*)(int);
  static constexpr std::array<std::pair<std::string_view, Is>, 12> classes{{{"alnum", ::isalnum},
                                                                            {"alpha", ::isalpha},
                                                                            {"blank", ::isblank},
                                                                            {"cntrl", ::iscntrl},
                                                                            {"digit", ::isdigit},
                                                                            {"graph", ::isgraph},
                                                                            {"lower", ::islower},
                                                                            {"print", ::isprint},
                                                                            {"punct", ::ispunct},
                                                                            {"space", ::isspace},
                                                                            {"upper", ::isupper},
                                                                            {"xdigit", ::isxdigit}}};
  const auto* known = std::ranges::find(classes, name, [](const auto& one) { return one.first; });
  if (known == classes.end()) return std::nullopt;
  return letter < 128 && known->second(letter) != 0;
}

// What the next part of a pattern says of a letter.
enum class Meets {
  yes,
  no,
  never, // it is none: the pattern matches nothing
};

// "[…]"; `length`: how much of the pattern that is. As rsync reads it: a "]" that comes first is a letter, a range may
// begin and end with an escaped letter, and "[:" without ":]" before the next "]" are two letters.
Meets in_brackets(std::string_view pattern, unsigned char letter, std::size_t& length) {
  std::size_t at = 1;
  const auto here = [&] { return at < pattern.size() ? static_cast<unsigned char>(pattern[at]) : 0U; };
  const auto unescape = [&] { at += here() == '\\' ? 1 : 0; };
  const bool negated = here() == '!' || here() == '^';
  if (negated) ++at;
  bool found = false;
  unsigned low = 0; // where a range may begin; 0: nowhere
  for (bool first = true; first || here() != ']'; first = false, ++at) {
    const bool range = here() == '-' && low != 0 && at + 1 < pattern.size() && pattern[at + 1] != ']';
    const auto end = pattern.substr(at).starts_with("[:") ? pattern.find(']', at + 2) : npos;
    if (end != npos && end > at + 2 && pattern[end - 1] == ':') {
      const auto in = in_class(pattern.substr(at + 2, end - at - 3), letter);
      if (!in) return Meets::never;
      found = found || *in;
      at = end;
      low = 0;
      continue;
    }
    if (range) ++at;
    unescape();
    const auto one = here();
    if (one == 0) return Meets::never;
    found = found || (range ? low <= letter && letter <= one : letter == one);
    low = range ? 0 : one;
  }
  length = at + 1;
  return found != negated && letter != '/' ? Meets::yes : Meets::no;
}

// `length`: how much of the pattern stands for this one letter.
Meets one_letter(std::string_view pattern, char letter, std::size_t& length) {
  length = 1;
  const auto says = [](bool met) { return met ? Meets::yes : Meets::no; };
  if (pattern.empty()) return Meets::no;
  if (pattern.front() == '?') return says(letter != '/');
  if (pattern.front() == '[') return in_brackets(pattern, static_cast<unsigned char>(letter), length);
  if (pattern.front() != '\\') return says(pattern.front() == letter);
  length = 2;
  return says(pattern.size() > 1 && pattern[1] == letter);
}

// rsync(1): in a pattern without these a backslash is a letter.
bool has_wildcards(std::string_view pattern) {
  return pattern.find_first_of("*?[") != npos;
}

// One pattern with wildcards against the whole text. Goes back to the latest star only, and for a "*" that met a "/" to
// the latest "**": no pattern takes longer than the product of the two lengths.
bool matches(std::string_view pattern, std::string_view text) {
  struct Star {
    std::size_t after = npos; // in the pattern
    std::size_t at = 0;       // in the text
  };

  Star one;
  Star two;
  std::size_t p = 0;
  std::size_t t = 0;
  const auto back = [&] {
    if (one.after != npos && text[one.at] != '/') {
      p = one.after;
      t = ++one.at;
      return true;
    }
    one.after = npos;
    if (two.after == npos) return false;
    p = two.after;
    t = ++two.at;
    return true;
  };
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      auto& star = pattern.substr(p).starts_with("**") ? two : one;
      p = std::min(pattern.find_first_not_of('*', p), pattern.size());
      star = {p, t};
      if (&star == &two) one.after = npos;
      continue;
    }
    std::size_t length = 0;
    const auto met = one_letter(pattern.substr(p), text[t], length);
    if (met == Meets::never) return false;
    if (met == Meets::yes) {
      p += length;
      ++t;
    } else if (!back()) {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == npos;
}

bool matches_part(bool wild, std::string_view pattern, std::string_view text) {
  return wild ? matches(pattern, text) : pattern == text;
}

} // namespace

std::string all_in(const std::string& folder) {
  if (has_wildcards(folder)) return folder + "*";
  std::string escaped;
  for (const char letter : folder)
    escaped += letter == '\\' ? std::string(2, letter) : std::string(1, letter);
  return escaped + "*";
}

Patterns::Patterns(const std::vector<std::string>& patterns) : texts_(patterns) {
  for (const auto& text : texts_)
    take_all(text, false);
}

Patterns Patterns::of_rules(const std::vector<std::string>& rules) {
  constexpr std::string_view word = "--filter=";
  Patterns patterns;
  patterns.texts_ = rules;
  for (std::string_view rule : rules) {
    rule.remove_prefix(std::min(rule.size(), word.size()));
    const auto blank = std::min(rule.find(' '), rule.size());
    patterns.take_all(rule.substr(std::min(blank + 1, rule.size())), rule.starts_with('+'));
  }
  return patterns;
}

void Patterns::take_all(std::string_view text, bool keeps) {
  const bool wild = has_wildcards(text);
  // rsync(1): "dir/***" is "dir/" and "dir/**".
  if (text.ends_with("/***")) {
    text.remove_suffix(3);
    take(text, keeps, wild);
    take(std::string(text) + "**", keeps, wild);
  } else {
    take(text, keeps, wild);
  }
}

void Patterns::take(std::string_view text, bool keeps, bool wild) {
  Pattern pattern{.keeps = keeps, .wild = wild};
  pattern.folders_only = text.ends_with('/');
  if (pattern.folders_only) text.remove_suffix(1);
  pattern.anchored = text.starts_with('/');
  if (pattern.anchored) text.remove_prefix(1);
  pattern.whole_path = text.find('/') != npos || text.find("**") != npos;
  pattern.text = text;
  if (!text.empty()) patterns_.push_back(std::move(pattern));
}

bool Patterns::is_met(const Pattern& pattern, std::string_view path, bool folder) {
  if (pattern.folders_only && !folder) return false;
  if (pattern.anchored) return matches_part(pattern.wild, pattern.text, path);
  if (!pattern.whole_path) return matches_part(pattern.wild, pattern.text, path.substr(path.rfind('/') + 1));
  // For one that begins so rsync puts a slash before the path.
  if (pattern.text.starts_with("**") && matches(pattern.text, "/" + std::string(path))) return true;
  for (auto rest = path;; rest.remove_prefix(rest.find('/') + 1)) {
    if (matches_part(pattern.wild, pattern.text, rest)) return true;
    if (rest.find('/') == npos) return false;
  }
}

bool Patterns::leave_out_last(std::string_view path, bool folder) const {
  const auto first =
      std::ranges::find_if(patterns_, [&](const Pattern& pattern) { return is_met(pattern, path, folder); });
  return first != patterns_.end() && !first->keeps;
}

bool Patterns::keeps_below(std::string_view folder) const {
  const auto parts = split(folder, '/');
  return std::ranges::any_of(patterns_, [&](const Pattern& pattern) {
    if (!pattern.anchored || pattern.keeps) return false;
    const auto texts = split(pattern.text, '/');
    const auto first = texts.begin() + (texts[0].empty() ? 1 : 0);
    if (static_cast<std::size_t>(texts.end() - first) <= parts.size()) return false;
    return std::ranges::equal(
        first, first + static_cast<std::ptrdiff_t>(parts.size()), parts.begin(), parts.end(),
        [&](const std::string& text, const std::string& part) { return matches_part(pattern.wild, text, part); });
  });
}

bool Patterns::leave_out(std::string_view path, bool folder) const {
  for (auto slash = path.find('/'); slash != npos; slash = path.find('/', slash + 1))
    if (leave_out_last(path.substr(0, slash), true)) return true;
  return !path.empty() && leave_out_last(path, folder);
}

Patterns stream_patterns(const model::Pair& pair, const std::string& root) {
  std::vector<std::string> patterns{".*.tandem-[0-9]*-[0-9]*"};
  if (root == "/www") {
    for (const auto* own : {"/.releases/*/by-hand*", "/.releases/*/building/", "/.releases/*/envs/",
                            "/.releases/*/[0-9]*/", "/.releases/*/repo.git/", "/.releases/*/modules/"})
      patterns.emplace_back(own);
    for (const auto& site : pair.sites) {
      patterns.push_back("/" + site.domain); // a link to the release that is served: a deploy's last word
      for (const auto& folder : site.folders)
        if (!folder.replicate) patterns.push_back("/.releases/" + site.domain + "/shared/" + folder.name + "/*");
    }
  }
  for (const auto& site : pair.sites)
    for (const auto& inbox : pair.inboxes(site))
      if (inbox == root || inbox.starts_with(root + "/")) patterns.push_back(inbox.substr(root.size()) + "/*");
  // As in the comparisons, a folder that is left out is carried, empty: an application may not start without it.
  for (const auto& pattern : pair.files.exclude)
    patterns.push_back(pattern.ends_with('/') ? all_in(pattern) : pattern);
  return Patterns(patterns);
}

} // namespace tandem::replication
