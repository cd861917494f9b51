// The ledgers against the shop's own account. Pure.
#pragma once
#include "base/result.hpp"
#include "bench/load/ledger.hpp"

#include <map>
#include <string>
#include <vector>

namespace tandem::load {

// What the shop holds: how often each reference occurs, and the hash of a photo's file (empty: no file).
struct ShopPhoto {
  std::uint64_t count = 0;
  std::string sha256;
};

struct ShopAccount {
  std::map<std::string, std::uint64_t> orders;
  std::map<std::string, ShopPhoto> photos;
};

// {"orders": {"REF": count}, "photos": {"REF": {"count": n, "sha256": "…" or null}}}
[[nodiscard]] Result<ShopAccount> parse_shop_account(std::string_view json);

struct Finding {
  std::string reference;
  std::string kind; // order, photo
  std::string what; // a sentence
};

struct Comparison {
  std::uint64_t writes = 0; // in the ledgers
  std::uint64_t acknowledged = 0;
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;                   // neither acknowledged nor failed: the tool was killed
  std::vector<Finding> lost;                   // acknowledged, but absent or with other content
  std::vector<Finding> doubled;                // there more than once
  std::vector<Finding> unacknowledged_present; // for information: the visitor was told nothing, the shop has it
  std::vector<Finding> unrecorded;             // for information: of these runs, but not in their ledgers

  [[nodiscard]] bool good() const { return lost.empty() && doubled.empty(); }
};

[[nodiscard]] Comparison compare(const std::vector<Ledger>& ledgers, const ShopAccount& shop);

[[nodiscard]] std::string to_json(const Comparison& comparison);
// For a person: one line of counts, then each finding (the first 20 of a sort).
[[nodiscard]] std::string to_text(const Comparison& comparison);

} // namespace tandem::load
