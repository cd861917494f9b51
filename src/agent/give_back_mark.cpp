#include "agent/give_back_mark.hpp"

#include "base/text.hpp"

namespace tandem::agent {

Result<std::string> GiveBackMark::text_of(const std::string& path) const {
  auto text = files_.read(path);
  if (!text && text.error().kind == ErrorKind::not_found) return std::string();
  return text;
}

Result<bool> GiveBackMark::says(const std::string& word) const {
  TANDEM_TRY(const auto text, text_of(path_));
  const auto words = lines_of(text);
  return std::ranges::find(words, word) != words.end();
}

Result<void> GiveBackMark::add(const std::string& word) {
  TANDEM_TRY(const auto text, text_of(path_));
  TANDEM_TRY(const bool there, says(word));
  return there ? Result<void>() : files_.write(path_, text + word + "\n", 0600, {});
}

Result<void> GiveBackMark::remove() {
  TANDEM_CHECK(files_.remove(role_));
  TANDEM_CHECK(files_.remove(given_up_));
  return files_.remove(path_);
}

Result<void> GiveBackMark::note_role(bool primary) {
  TANDEM_TRY(const auto known, role_by_hand());
  return known.empty() ? files_.write(role_, primary ? "primary\n" : "standby\n", 0600, {}) : Result<void>();
}

Result<std::string> GiveBackMark::role_by_hand() const {
  TANDEM_TRY(const auto text, text_of(role_));
  return std::string(trim(text));
}

Result<void> GiveBackMark::give_up() {
  TANDEM_TRY(const bool done, given_up());
  if (!done) TANDEM_CHECK(files_.write(given_up_, "by tandem adopt --keep\n", 0600, {}));
  TANDEM_TRY(const auto status, files_.status(before_));
  return status ? files_.rename(before_, before_ + ".given-up") : Result<void>();
}

Result<bool> GiveBackMark::given_up() const {
  TANDEM_TRY(const auto status, files_.status(given_up_));
  return status.has_value();
}

Result<bool> GiveBackMark::leads_back() const {
  TANDEM_TRY(const bool none, given_up());
  TANDEM_TRY(const auto role, role_by_hand());
  TANDEM_TRY(const auto status, files_.status(before_));
  return !none && (!role.empty() || status.has_value());
}

} // namespace tandem::agent
