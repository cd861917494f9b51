// What the latest `tandem apply` asked of this server, kept: so it can compare itself with that at any time, whatever
// tandem.toml says meanwhile.
#pragma once
#include "peer/json.hpp"
#include "system/files.hpp"

#include <optional>
#include <string>

namespace tandem::agent {

class KeptOrders {
public:
  KeptOrders(system::Files& files, const std::string& state_folder)
      : files_(files), path_(state_folder + "/orders.json") {}

  // The parameters of "server.apply". They hold secrets: mode 0600.
  Result<void> keep(const peer::Json& orders);
  // An apply that begins, and may fail half-way.
  Result<void> forget();
  // nullopt: no apply has ended well since the last one that did not.
  [[nodiscard]] Result<std::optional<peer::Json>> latest() const;

private:
  system::Files& files_;
  std::string path_;
};

} // namespace tandem::agent
