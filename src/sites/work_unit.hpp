// What the units of a site's work have in common: its jobs, its workers and its import.
#pragma once
#include "model/pair.hpp"
#include "sites/layout.hpp"

namespace tandem::sites {

// The first lines of such a unit, up to where its [Service] says what is run: as the site's owner, with the environment
// of the release that is served, on the primary alone, shut in, and however often it is asked for.
// `what` names it before " of DOMAIN"; `more` are further lines of its [Unit].
std::string work_unit_head(const Layout& layout, const model::Site& site, const std::string& what,
                           const std::string& more = "");

} // namespace tandem::sites
