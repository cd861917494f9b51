// Small text helpers that the standard library of g++ 12 lacks. No locale, no I/O.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

[[nodiscard]] std::string_view trim(std::string_view text);
// Pieces between separators; empty pieces are kept. An empty text gives one empty piece.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
// Lines without their line ends; a final line end makes no empty last line.
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);
// The content of a file of one line: without its line end, where it has one.
[[nodiscard]] std::string without_line_end(std::string_view text);
[[nodiscard]] std::string join(std::span<const std::string> pieces, std::string_view separator);
[[nodiscard]] std::string replace_all(std::string text, std::string_view from, std::string_view to);
// A whole decimal number and nothing else; nullopt when it is none or does not fit.
[[nodiscard]] std::optional<std::int64_t> to_number(std::string_view text);
// Number of single-character edits from one text to the other (Levenshtein).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);
// The candidate closest to the word, if it is close enough to be a slip of the finger.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);
[[nodiscard]] std::string to_hex(std::span<const unsigned char> bytes);
// nullopt: it is none, in small letters.
[[nodiscard]] std::optional<std::string> bytes_of_hex(std::string_view text);
// The argument as a shell would need it quoted, for commands that are printed for a person to type.
[[nodiscard]] std::string shell_quoted(std::string_view argument);

} // namespace tandem
