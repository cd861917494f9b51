// The demo's third part: what a site needs besides, on both servers and across a change of primary.
#pragma once
#include "lab/shop_pair.hpp"

#include <nlohmann/json.hpp>

namespace tandem::demo {

using Json = nlohmann::json;

// duo is the primary. Certificates of the lab's ACME server, names at the lab's name servers, Celery's tasks and
// uploads by SFTP are asked for in the same file; then, while 500 tasks are done and files are uploaded, the servers
// change places. Figures: certificates_s (from the apply until both servers serve the ACME server's), tasks_lost,
// tasks_doubled, uploads_lost, uploads_doubled, names_wrong: all of these must be 0.
Result<void> around_a_site(lab::Lab& lab, lab::ShopPair& pair, Json& figures);

} // namespace tandem::demo
