#include "config/load.hpp"

#include "config/checks.hpp"
#include "config/walk.hpp"

namespace tandem::config {

namespace {

// Defaults that depend on other values, which the model cannot carry.
void fill_in(model::Pair& pair) {
  for (auto& server : pair.servers)
    if (server.peer_address.empty()) server.peer_address = server.address;
}

void check(const Walked& walked, Problems& problems) {
  const Checked checked{walked.pair, walked.places, problems};
  for (auto part : {check_servers, check_users, check_files, check_role, check_dns, check_sites, check_each_site})
    part(checked);
}

} // namespace

Loaded load(const Source& source, const SecretReader& secret, const KeySet& accepted) {
  Problems problems;
  const auto top = parse(source.text);
  if (!top) {
    problems.add(top.error());
    return {std::nullopt, problems.of(source.path), {}};
  }
  const auto folder = std::filesystem::path(source.path).parent_path().string();
  auto walked = walk(*top, folder, secret, accepted, problems);
  check(walked, problems);
  if (!problems.empty()) return {std::nullopt, problems.of(source.path), std::move(walked.secrets)};
  fill_in(walked.pair);
  return {std::move(walked.pair), {}, std::move(walked.secrets)};
}

} // namespace tandem::config
