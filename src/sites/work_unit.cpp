#include "sites/work_unit.hpp"

#include "sites/confinement.hpp"

namespace tandem::sites {

std::string work_unit_head(const Layout& layout, const model::Site& site, const std::string& what,
                           const std::string& more) {
  return fmt::format(R"(# By tandem, from tandem.toml.
[Unit]
Description={what} of {domain}
# On the primary only.
ConditionPathExists=/primary_server
ConditionPathExists={environment}
StartLimitIntervalSec=0
{more}
[Service]
User={owner}
Group=www-data
WorkingDirectory={folder}
EnvironmentFile={environment}
UMask=0022
{confinement})",
                     fmt::arg("what", what), fmt::arg("domain", site.domain), fmt::arg("owner", site.owner),
                     fmt::arg("folder", layout.site_link(site.domain)), fmt::arg("more", more),
                     fmt::arg("environment", layout.current_environment(site.domain)),
                     fmt::arg("confinement", confinement));
}

} // namespace tandem::sites
