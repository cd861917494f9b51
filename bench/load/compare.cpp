#include "bench/load/compare.hpp"

#include <nlohmann/json.hpp>

namespace tandem::load {

namespace {

using Json = nlohmann::ordered_json;

struct Held {
  std::uint64_t count = 0;
  std::string sha256;
};

Held held(const ShopAccount& shop, const std::string& reference, bool photo) {
  if (photo) {
    auto found = shop.photos.find(reference);
    return found == shop.photos.end() ? Held{} : Held{found->second.count, found->second.sha256};
  }
  auto found = shop.orders.find(reference);
  return found == shop.orders.end() ? Held{} : Held{found->second, {}};
}

void compare_entry(Comparison& result, const std::string& reference, const Entry& entry, const Held& held) {
  const std::string kind = entry.photo ? "photo" : "order";
  ++result.writes;
  result.acknowledged += entry.fate == Fate::acknowledged;
  result.failed += entry.fate == Fate::failed;
  result.unknown += entry.fate == Fate::unknown;
  if (held.count > 1) result.doubled.emplace_back(reference, kind, fmt::format("there {} times", held.count));
  if (entry.fate != Fate::acknowledged) {
    std::string why = entry.fate == Fate::failed ? entry.reason : "its end was not seen";
    if (held.count > 0) result.unacknowledged_present.emplace_back(reference, kind, std::move(why));
  } else if (held.count == 0) {
    result.lost.emplace_back(reference, kind, fmt::format("acknowledged at {}, absent", entry.time));
  } else if (entry.photo && held.sha256.empty()) {
    result.lost.emplace_back(reference, kind, fmt::format("acknowledged at {}, its file is missing", entry.time));
  } else if (entry.photo && held.sha256 != entry.sha256) {
    result.lost.emplace_back(reference, kind, fmt::format("acknowledged at {}, with other content", entry.time));
  }
}

void find_unrecorded(Comparison& result, const std::vector<Ledger>& ledgers, const std::string& reference,
                     const std::string& kind, std::uint64_t count) {
  for (const Ledger& ledger : ledgers) {
    if (ledger.entries.contains(reference)) return;
  }
  for (const Ledger& ledger : ledgers) {
    if (!reference.starts_with(ledger.run + "-")) continue;
    result.unrecorded.emplace_back(reference, kind, "not in the ledger");
    if (count > 1) result.doubled.emplace_back(reference, kind, fmt::format("there {} times", count));
    return;
  }
}

Json json_of(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"reference", finding.reference}, {"kind", finding.kind}, {"what", finding.what}});
  }
  return list;
}

std::string text_of(std::string_view title, const std::vector<Finding>& findings) {
  constexpr std::size_t most = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, findings.size()); ++i) {
    text += fmt::format("{}: {} {}: {}\n", title, findings[i].kind, findings[i].reference, findings[i].what);
  }
  if (findings.size() > most) text += fmt::format("{}: and {} more\n", title, findings.size() - most);
  return text;
}

} // namespace

Result<ShopAccount> parse_shop_account(std::string_view json) {
  try {
    ShopAccount result;
    Json account = Json::parse(json);
    for (const auto& [reference, count] : account.at("orders").items()) {
      result.orders[reference] = count.get<std::uint64_t>();
    }
    for (const auto& [reference, photo] : account.at("photos").items()) {
      const Json& hash = photo.at("sha256");
      result.photos[reference] = {photo.at("count").get<std::uint64_t>(),
                                  hash.is_null() ? "" : hash.get<std::string>()};
    }
    return result;
  } catch (const nlohmann::json::exception& error) {
    return failed(fmt::format("not the shop's account: {}", error.what()),
                  R"(It looks like {"orders": {"REF": 1}, "photos": {"REF": {"count": 1, "sha256": "…"}}}.)");
  }
}

Comparison compare(const std::vector<Ledger>& ledgers, const ShopAccount& shop) {
  Comparison result;
  for (const Ledger& ledger : ledgers) {
    for (const auto& [reference, entry] : ledger.entries) {
      compare_entry(result, reference, entry, held(shop, reference, entry.photo));
    }
  }
  for (const auto& [reference, count] : shop.orders)
    find_unrecorded(result, ledgers, reference, "order", count);
  for (const auto& [reference, photo] : shop.photos)
    find_unrecorded(result, ledgers, reference, "photo", photo.count);
  return result;
}

std::string to_json(const Comparison& comparison) {
  return Json{{"version", 1},
              {"writes", comparison.writes},
              {"acknowledged", comparison.acknowledged},
              {"failed", comparison.failed},
              {"unknown", comparison.unknown},
              {"lost", comparison.lost.size()},
              {"doubled", comparison.doubled.size()},
              {"unacknowledged_present", comparison.unacknowledged_present.size()},
              {"unrecorded", comparison.unrecorded.size()},
              {"findings",
               {{"lost", json_of(comparison.lost)},
                {"doubled", json_of(comparison.doubled)},
                {"unacknowledged_present", json_of(comparison.unacknowledged_present)},
                {"unrecorded", json_of(comparison.unrecorded)}}}}
             .dump(2) +
         "\n";
}

std::string to_text(const Comparison& comparison) {
  std::string text = fmt::format("{} writes: {} acknowledged, {} failed, {} without an end\n"
                                 "lost {}, doubled {}, unacknowledged but present {}, not in the ledger {}\n",
                                 comparison.writes, comparison.acknowledged, comparison.failed, comparison.unknown,
                                 comparison.lost.size(), comparison.doubled.size(),
                                 comparison.unacknowledged_present.size(), comparison.unrecorded.size());
  return text + text_of("lost", comparison.lost) + text_of("doubled", comparison.doubled) +
         text_of("unacknowledged but present", comparison.unacknowledged_present) +
         text_of("not in the ledger", comparison.unrecorded);
}

} // namespace tandem::load
