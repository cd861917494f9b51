// uno and duo as somebody sets them up by hand, with the shop on them: a primary that serves, a standby that has its
// database and, once an hour, its files.
#pragma once
#include "lab/lab.hpp"

namespace tandem::lab {

// The shop has been published on tre. Takes about two minutes.
Result<void> set_up_by_hand(Lab& lab, const Progress& progress);
// The shop's page as tre gets it from that host, over TLS with whatever certificate it has.
Result<std::string> page_by_hand(Lab& lab, const std::string& host, const std::string& path);
// All that makes the server what it is, a line each: its files in /etc, its sites, who may log in, what starts at boot
// and what runs. The same text before and after: nothing has changed.
Result<std::string> picture_of(Lab& lab, const std::string& host);

} // namespace tandem::lab
