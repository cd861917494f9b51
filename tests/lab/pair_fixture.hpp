// A real pair with the shop deployed, made once for all tests that need one.
#pragma once
#include "lab/shop_pair.hpp"
#include "lab_fixture.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>

namespace tandem::lab {

using Json = nlohmann::json;

inline constexpr auto soon = std::chrono::seconds(60); // for what takes a moment, on a busy machine too

Goods goods();
void show(const std::string& line); // progress

// Where a server of the pair is reached.
std::string address_of(const std::string& server);

// From now on runs on that host stand still there ("open-gate after"), until /run/tandem/halt is gone.
void halt_at(Lab& lab, const std::string& host, const std::string& point);
// Waits until one does.
bool stands_at(Lab& lab, const std::string& host, const std::string& point);

// Says something to PostgreSQL on that host as its administrator; its answer.
std::string sql(Lab& lab, const std::string& host, const std::string& statement);

// The shop as it is on main, with an edit (shell lines in a clone of it), as this branch; the commit, "" when that
// failed, which is a failure of the test.
std::string push_branch(Lab& lab, const std::string& branch, const std::string& edit);

// What `tandem status --json` on `host` says of `server`; null when it says nothing.
Json status_of(ShopPair& pair, const std::string& host, const std::string& server);

// Waits until one server serves, the other follows it, and status finds nothing wrong; the primary's name, empty when
// that does not come about, which is a failure of the test.
std::string wait_until_whole(Lab& lab);

// The servers of the pair that all tests share, made at first use.
Result<Lab*> shared_servers();
// They have other files now: what suites have prepared is not on them.
void forget_preparations();

// uno and duo as a pair, whatever earlier tests have made of its roles; files and rows that they wrote are still there.
class PairTest : public ::testing::Test {
protected:
  void SetUp() override; // whole again: both servers run and follow each other; then prepare()

  // Before the first test of each suite.
  virtual void prepare() {}

  [[nodiscard]] static Lab& lab();
  [[nodiscard]] static ShopPair& pair();

  [[nodiscard]] static std::string primary();

  [[nodiscard]] static std::string other(const std::string& server) { return server == "uno" ? "duo" : "uno"; }

  static std::string wait_until_whole() { return lab::wait_until_whole(lab()); }

  // tandem.toml becomes this on both servers, which are then as it says.
  static void apply(const std::string& toml);
  // What the server kept, and its events tell of, is not needed any more.
  static void acknowledge_all(const std::string& host);
  // A row written on the primary appears on the standby, and the shop answers through both.
  static void prove(const std::string& primary);
};

} // namespace tandem::lab
