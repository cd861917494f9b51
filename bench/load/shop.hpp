// What the shop is asked and what it must answer: pages, the forms with their CSRF token, the photo's content.
// Pure, apart from hashing.
#pragma once
#include "base/result.hpp"
#include "bench/load/http.hpp"
#include "bench/load/mix.hpp"

#include <map>
#include <optional>
#include <string>

namespace tandem::load {

// A visitor with his cookies and the token of the shop's forms.
struct Visitor {
  std::map<std::string, std::string> cookies;
  std::string token;
};

// Takes the cookies that the answer sets.
void take_cookies(Visitor& visitor, const Answer& answer);
// The value of the form's hidden field csrfmiddlewaretoken, or why there is none.
[[nodiscard]] Result<std::string> form_token(std::string_view page);

[[nodiscard]] Request get(const Visitor& visitor, std::string target);
[[nodiscard]] Request order(const Visitor& visitor, std::string_view domain, std::string_view reference,
                            unsigned product, unsigned quantity);
[[nodiscard]] Request photo(const Visitor& visitor, std::string_view domain, std::string_view reference,
                            unsigned product, std::string_view content);

// Bytes that begin and end as a JPEG does; the same for the same reference, different for any other.
[[nodiscard]] std::string photo_content(std::string_view reference, std::size_t size);
[[nodiscard]] std::string sha256_of(std::string_view bytes);
// Where the shop shows an acknowledged photo.
[[nodiscard]] std::string media_path(std::string_view reference, std::string_view sha256);

// Why the answer is not the expected one, if it is not: pages 200, writes 303 to the page of the reference,
// media the very content (its sha256 is given).
[[nodiscard]] std::optional<Failure> judge(Kind kind, const Answer& answer, std::string_view reference,
                                           std::string_view sha256);

} // namespace tandem::load
