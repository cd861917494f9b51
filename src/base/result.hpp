// Errors as values. A function that can fail returns Result<T>; the caller reacts to the few kinds below,
// adds context on the way up ("applying /etc/nginx/nginx.conf on duo: nginx -t says …") and prints it at the top.
#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace tandem {

// Only the kinds that some caller treats differently. The command's exit status follows from them:
// refused -> 3, invalid usage -> 2 (decided in cli), everything else -> 1.
enum class ErrorKind {
  failed,      // the work was tried and did not succeed
  invalid,     // the input is wrong; nothing was changed
  refused,     // it would be unsafe or somebody else is at it; nothing was changed
  unavailable, // what is needed does not answer (a peer, a service); trying again may help
  not_found,   // the thing asked for does not exist
};

struct Error {
  ErrorKind kind = ErrorKind::failed;
  std::string message; // what happened and where, one sentence without a final full stop
  std::string hint;    // what to do next, a sentence; may be empty

  // The same error seen from one level up: "prefix: message".
  [[nodiscard]] Error within(std::string_view prefix) && {
    message = std::string(prefix) + ": " + message;
    return std::move(*this);
  }
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string message, std::string hint = {}) {
  return std::unexpected(Error{kind, std::move(message), std::move(hint)});
}

[[nodiscard]] inline std::unexpected<Error> failed(std::string message, std::string hint = {}) {
  return fail(ErrorKind::failed, std::move(message), std::move(hint));
}

// "message" or "message (hint)", for a terminal line.
[[nodiscard]] inline std::string describe(const Error& error) {
  return error.hint.empty() ? error.message : error.message + "\n  " + error.hint;
}

} // namespace tandem

#define TANDEM_JOIN_(a, b) a##b
#define TANDEM_JOIN(a, b) TANDEM_JOIN_(a, b)

// TANDEM_TRY(auto text, files.read(path)); returns the error from the enclosing function, else binds the value.
#define TANDEM_TRY(declaration, expression)                                                                            \
  auto TANDEM_JOIN(tried_, __LINE__) = (expression);                                                                   \
  if (!TANDEM_JOIN(tried_, __LINE__)) return std::unexpected(std::move(TANDEM_JOIN(tried_, __LINE__)).error());        \
  declaration = std::move(*TANDEM_JOIN(tried_, __LINE__))

// TANDEM_CHECK(files.remove(path)); the same for a Result whose value is not needed.
#define TANDEM_CHECK(expression)                                                                                       \
  do {                                                                                                                 \
    if (auto tried = (expression); !tried) return std::unexpected(std::move(tried).error());                           \
  } while (false)
