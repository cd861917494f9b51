// What a program that died left in its log, as far as it tells why. Pure.
#pragma once
#include <string>
#include <vector>

namespace tandem::sites {

// Of a log's last lines those to show a person: the first Python traceback that tells of an error of the code (one that
// ends with KeyboardInterrupt belongs to a worker that was stopped because another one had failed), its end at least;
// without one the last few lines.
[[nodiscard]] std::vector<std::string> last_words(const std::vector<std::string>& lines);

} // namespace tandem::sites
