// How the units of a site's programs are shut in: alike for its application and its work.
#pragma once

namespace tandem::sites {

// The last lines of their [Service] (systemd.exec(5)).
inline constexpr auto* confinement = "PrivateTmp=yes\n"
                                     "ProtectSystem=full\n"
                                     "ProtectKernelTunables=yes\n"
                                     "ProtectKernelModules=yes\n"
                                     "ProtectControlGroups=yes\n";

} // namespace tandem::sites
