// What a site's programs find in their environment: its uWSGI, its steps, its jobs.
#pragma once
#include "base/result.hpp"
#include "model/pair.hpp"
#include "sites/layout.hpp"
#include "sites/release.hpp"
#include "sites/words.hpp"
#include "system/accounts.hpp"
#include "system/files.hpp"

#include <map>
#include <string>

namespace tandem::sites {

struct Environment {
  std::map<std::string, std::string> variables;
  Redactor redact; // of what the environment file holds
};

// The release's virtualenv first in PATH, then the site's `environment`, then its environment file, read now; a later
// one wins. Fails when the file cannot be read or understood, by its name and line alone.
Result<Environment> load_environment(system::Files& files, const Layout& layout, const model::Site& site,
                                     const Release& release);

// The ids of the site's owner with the group www-data, which nginx has too.
Result<system::Ownership> site_ownership(const system::AccountTable& accounts, const model::Site& site);

} // namespace tandem::sites
