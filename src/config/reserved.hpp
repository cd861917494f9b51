// Names that tandem needs for itself. Each function returns the reason that a refusal gives, or nullptr
// when the name is free.
#pragma once
#include <string>
#include <string_view>

namespace tandem::config::reserved {

[[nodiscard]] const std::string* user(std::string_view name);
[[nodiscard]] const std::string* database_setting(std::string_view name);
[[nodiscard]] const std::string* database_role(std::string_view name);
[[nodiscard]] const std::string* database_name(std::string_view name);
[[nodiscard]] const std::string* uwsgi_option(std::string_view name);
[[nodiscard]] const std::string* environment_variable(std::string_view name);
[[nodiscard]] const std::string* site_folder(std::string_view name);
[[nodiscard]] const std::string* replicated_path(std::string_view path);
[[nodiscard]] const std::string* pip_option(std::string_view option);

} // namespace tandem::config::reserved
