#include "sites/environment.hpp"

#include "base/variables.hpp"

namespace tandem::sites {

Result<Environment> load_environment(system::Files& files, const Layout& layout, const model::Site& site,
                                     const Release& release) {
  const auto virtualenv = layout.environment(site.domain, release.environment);
  Environment environment;
  environment.variables = {{"LANG", "C.UTF-8"},
                           {"PATH", virtualenv + "/bin:/usr/local/bin:/usr/bin:/bin"},
                           {"VIRTUAL_ENV", virtualenv},
                           {"PYTHONUNBUFFERED", "1"}};
  for (const auto& [name, value] : site.environment)
    environment.variables[name] = value;
  if (!site.environment_file) return environment;
  auto text = files.read(site.environment_file->path);
  if (!text) return std::unexpected(std::move(text).error().within("the environment file of " + site.domain));
  auto secrets = parse_variables(*text);
  if (!secrets) return std::unexpected(std::move(secrets).error().within(site.environment_file->text));
  environment.redact = Redactor(*secrets);
  for (const auto& [name, value] : *secrets)
    environment.variables[name] = value;
  return environment;
}

Result<system::Ownership> site_ownership(const system::AccountTable& accounts, const model::Site& site) {
  const auto* user = accounts.user(site.owner);
  const auto* group = accounts.group("www-data");
  if (user == nullptr)
    return fail(ErrorKind::not_found, "there is no user " + site.owner + ", the owner of " + site.domain,
                "Run tandem apply first.");
  if (group == nullptr) return fail(ErrorKind::not_found, "there is no group www-data", "Run tandem apply first.");
  return system::Ownership{user->uid, group->gid};
}

} // namespace tandem::sites
