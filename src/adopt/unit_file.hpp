// What a service's unit file says of the program that it runs. Pure.
#pragma once
#include "adopt/found.hpp"

namespace tandem::adopt {

struct Service {
  std::vector<std::string> words; // of its first ExecStart, variables and %i put in
  std::size_t line = 0;           // where that stands
  std::string user;
  std::string folder; // WorkingDirectory
  std::map<std::string, std::string> variables;
  std::vector<std::string> variable_files; // EnvironmentFile, whether it was there or not
};

// Those that it names, so that they can be read before the rest is understood.
[[nodiscard]] std::vector<std::string> variable_files_of(const ServiceUnit& unit, const std::string& text);
// uWSGI's files of settings among the words of a command.
[[nodiscard]] std::vector<std::string> ini_files_of(const std::vector<std::string>& words);
// The folder that its emperor looks after; "" when it has none.
[[nodiscard]] std::string emperor_folder_of(const std::vector<std::string>& words);
// `found` has the unit file and, where they are there, the files of variables.
[[nodiscard]] Service understand_service(const ServiceUnit& unit, const Found& found);

} // namespace tandem::adopt
