#include "adopt/nginx_file.hpp"

namespace tandem::adopt {

namespace {

// Deeper blocks are none of nginx's; without a limit a hostile file could exhaust the stack.
constexpr int deepest_block = 16;

bool is_nginx_blank(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
}

class NginxReader {
public:
  explicit NginxReader(std::string_view text) : text_(text) {}

  NginxFile read() {
    NginxFile file;
    if (!read_block(file.directives, 0)) file.mistake = line_;
    return file;
  }

private:
  void skip_blanks() {
    while (at_ < text_.size() && (is_nginx_blank(text_[at_]) || text_[at_] == '#')) {
      if (text_[at_] == '#')
        while (at_ < text_.size() && text_[at_] != '\n')
          ++at_;
      else
        advance();
    }
  }

  char advance() {
    if (text_[at_] == '\n') ++line_;
    return text_[at_++];
  }

  // A word, or one in quotes; false when a quote is left open.
  bool read_word(std::string& word) {
    const char quote = text_[at_] == '"' || text_[at_] == '\'' ? advance() : '\0';
    while (at_ < text_.size()) {
      const char letter = text_[at_];
      if (quote != 0 && letter == quote) {
        advance();
        return true;
      }
      if (quote == 0 && (is_nginx_blank(letter) || letter == ';' || letter == '{')) {
        // "${name}" is a variable, not a block.
        if (letter != '{' || word.empty() || word.back() != '$') return true;
      }
      if (letter == '\\' && at_ + 1 < text_.size()) {
        const char next = text_[at_ + 1];
        if (quote == 0 || (next != quote && next != '\\')) word += letter;
        advance();
      }
      word += advance();
    }
    return quote == 0;
  }

  // Up to the brace that ends it, or the end of the text at the outermost level. False: line_ stands at a mistake.
  bool read_block(std::vector<Directive>& into, int depth) {
    if (depth > deepest_block) return false;
    for (skip_blanks(); at_ < text_.size(); skip_blanks()) {
      if (text_[at_] == '}') {
        if (depth == 0) return false;
        advance();
        return true;
      }
      if (!read_directive(into, depth)) return false;
    }
    return depth == 0;
  }

  bool read_directive(std::vector<Directive>& into, int depth) {
    Directive directive{.line = line_};
    for (; at_ < text_.size(); skip_blanks()) {
      const char letter = text_[at_];
      if (letter == '}' || (directive.name.empty() && (letter == ';' || letter == '{'))) return false;
      if (letter == ';' || letter == '{') {
        advance();
        directive.has_block = letter == '{';
        const bool whole = !directive.has_block || read_block(directive.block, depth + 1);
        into.push_back(std::move(directive));
        return whole;
      }
      std::string word;
      if (!read_word(word)) return false;
      if (directive.name.empty())
        directive.name = std::move(word);
      else
        directive.arguments.push_back(std::move(word));
      if (directive.name.empty()) return false; // a pair of quotes
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

} // namespace

const Directive* Directive::find(std::string_view wanted) const {
  for (const auto& directive : block)
    if (directive.name == wanted) return &directive;
  return nullptr;
}

std::string Directive::text() const {
  std::string text = name;
  for (const auto& argument : arguments)
    text += " " + argument;
  return text;
}

NginxFile parse_nginx(std::string_view text) {
  return NginxReader(text).read();
}

} // namespace tandem::adopt
