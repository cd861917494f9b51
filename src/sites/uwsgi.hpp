// The texts that make uWSGI run a release. Pure.
#pragma once
#include "base/result.hpp"
#include "model/pair.hpp"
#include "sites/layout.hpp"
#include "sites/release.hpp"

#include <string>

namespace tandem::sites {

inline constexpr auto site_unit_template = "tandem-site@.service";

// The unit template of all releases of all sites; setup installs it under the name above. It is never enabled: what
// serves is started by the agent alone.
[[nodiscard]] std::string site_unit_text(const Layout& layout);

// uWSGI's settings for one release. The site's own `uwsgi.settings` take the place of ours of the same name.
[[nodiscard]] std::string uwsgi_ini(const Layout& layout, const model::Site& site, const Release& release);

// invalid when the site's own settings would undo what a deploy relies on (its socket, its user, …).
Result<void> check_uwsgi_settings(const model::Site& site);

} // namespace tandem::sites
