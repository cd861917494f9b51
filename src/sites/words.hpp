// The texts that an operator writes for a site's programs: command lines without a shell. Pure.
#pragma once
#include "base/result.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::sites {

// "python manage.py 'one argument' two" -> arguments. Blanks separate, single and double quotes keep together, a
// backslash outside single quotes takes the next character as it is. Nothing else is special: there is no shell, so
// variables, patterns and pipes are plain text. invalid when a quote is left open or nothing is there.
Result<std::vector<std::string>> split_command(std::string_view line);

// The same for systemd's EnvironmentFile=, every value quoted.
std::string systemd_variables(const std::map<std::string, std::string>& variables);

// Takes secrets out of what programs print before anyone sees it.
class Redactor {
public:
  Redactor() = default;
  explicit Redactor(const std::map<std::string, std::string>& secrets);
  [[nodiscard]] std::string operator()(std::string_view text) const;

private:
  std::vector<std::string> secrets_; // the longest first, so that none hides a part of another
};

} // namespace tandem::sites
