// A halt that ends an apply at one moment of one change, as a cut there would. Notes all that came by.
#pragma once
#include "converge/apply.hpp"

#include <functional>
#include <map>
#include <optional>

namespace tandem::fakes {

class Halts final : public converge::Halts {
public:
  struct Point {
    converge::Moment moment = converge::Moment::after;
    std::size_t change = 1; // the how manieth to reach that moment
  };

  std::optional<Point> cut;
  std::map<converge::Moment, std::vector<std::string>> reached_by; // ids, in order

  Result<void> reached(converge::Moment moment, const converge::Change& change) override {
    auto& ids = reached_by[moment];
    ids.push_back(change.id);
    if (cut && cut->moment == moment && cut->change == ids.size()) return failed("cut off at " + change.id);
    return {};
  }

  std::function<Result<void>()> go_on = [] { return Result<void>(); };

  Result<void> may_go_on() override { return go_on(); }

  [[nodiscard]] bool may_wait() const override { return true; }
};

} // namespace tandem::fakes
