#include "agent/orders.hpp"

#include <nlohmann/json.hpp>

namespace tandem::agent {

Result<void> KeptOrders::keep(const peer::Json& orders) {
  return files_.write(path_, orders.dump(1) + "\n", 0600, {});
}

Result<void> KeptOrders::forget() {
  return files_.remove(path_);
}

Result<std::optional<peer::Json>> KeptOrders::latest() const {
  const auto text = files_.read(path_);
  if (!text && text.error().kind == ErrorKind::not_found) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  auto orders = peer::Json::parse(*text, nullptr, false);
  if (!orders.is_object()) return fail(ErrorKind::invalid, path_ + " is damaged", "`tandem apply` writes it anew");
  return orders;
}

} // namespace tandem::agent
