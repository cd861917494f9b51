// Every key of tandem.toml that is accepted changes what the servers do: the proofs in tests/keys, on a real pair.
#include "base/text.hpp"
#include "keys/key_proofs.hpp"
#include "pair_fixture.hpp"
#include "probe_site.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::lab {

using proofs::Change;
using testing::HasSubstr;

namespace {

constexpr auto probe_limit = std::chrono::minutes(3);

class Keys : public PairTest {
protected:
  void SetUp() override {
    PairTest::SetUp();
    if (HasFatalFailure()) return;
    auto facts = prepare_probes(lab());
    ASSERT_OK(facts);
    facts_ = *facts;
  }

  // What has changed its meaning with the primary.
  void look_around() {
    const auto now = primary();
    ASSERT_NE(now, "");
    facts_["primary"] = now;
    facts_["standby"] = other(now);
    facts_["primary_address"] = address_of(now);
    facts_["standby_address"] = address_of(other(now));
  }

  Result<void> write(const proofs::Values& values) {
    return pair().write_toml(facts_["primary"], proofs::toml_with(values, facts_) + shop_site_toml());
  }

  void take(const proofs::Values& values) {
    look_around();
    ASSERT_OK(write(values));
    ASSERT_OK(pair().tandem(facts_["primary"], {"apply"}));
    ASSERT_NE(wait_until_whole(), "");
  }

  std::string host_of(proofs::Place place) {
    if (place == proofs::Place::visitor) return "tre";
    return facts_[place == proofs::Place::primary ? "primary" : "standby"];
  }

  // What it says, with the errors, whatever its status.
  std::string say(const std::string& host, const std::string& command) {
    const auto line = proofs::with_facts(probe_words() + command, facts_);
    const auto outcome = lab().run(host, {"bash", "-c", line}, {.time_limit = std::chrono::seconds(90)});
    return outcome ? outcome->output + outcome->errors : describe(outcome.error());
  }

  void expect(const std::string& key, const proofs::Probe& probe) {
    const bool changed = facts_["moment"] == "after";
    const auto& expected = changed ? probe.after : probe.before;
    look_around();
    if (!probe.first.empty()) show("  first: " + say(facts_["primary"], probe.first));
    const auto wanted = proofs::with_facts(expected, facts_);
    std::string said;
    const bool met = wait_until(
        [&] {
          look_around();
          said = say(host_of(probe.place), probe.command);
          return said.find(wanted) != std::string::npos;
        },
        probe_limit);
    EXPECT_TRUE(met) << key << " " << facts_["moment"] << " the change: on " << host_of(probe.place) << "\n"
                     << probe.command << "\nsays\n"
                     << said << "\ninstead of\n"
                     << wanted;
    // Else the probe would be met by a key that is accepted and ignored.
    const bool tells =
        changed || expected == probe.after || said.find(proofs::with_facts(probe.after, facts_)) == std::string::npos;
    EXPECT_TRUE(tells) << key << ": its probe is met before the change\n" << probe.command << "\nsays\n" << said;
  }

  // TANDEM_KEYS="site.wsgi host.timezone": these alone, for who changes one and does not want to wait for all.
  static bool is_asked_for(const std::string& key) {
    const char* given = std::getenv("TANDEM_KEYS");
    return given == nullptr || std::ranges::count(split(given, ' '), key) > 0;
  }

  void probe(const std::function<bool(const proofs::Proof&)>& which, const std::string& moment) {
    facts_["moment"] = moment;
    for (const auto& proof : proofs::key_proofs()) {
      if (!which(proof) || !is_asked_for(proof.key)) continue;
      show(moment + " the change: " + proof.key);
      for (const auto& probe : proof.probes)
        expect(proof.key, probe);
      if (proof.change == Change::refused && moment == "after") continue; // status tells that the file is not applied
      ASSERT_NE(wait_until_whole(), "") << "after " << proof.key;
    }
  }

  void probe_after(Change change) {
    probe([change](const proofs::Proof& proof) { return proof.change == change; }, "after");
  }

  void deploy_probe() { ASSERT_OK(pair().tandem(facts_["primary"], {"deploy", "probe.test"})); }

  // The primary's and the standby's further address, while their agents and databases are up.
  void on_each(const std::function<std::string(const std::string& own, const std::string& further)>& line) {
    on(lab(), facts_["primary"], line(facts_["primary_address"], "10.77.0.21"));
    on(lab(), facts_["standby"], line(facts_["standby_address"], "10.77.0.22"));
  }

  // What a server connects from, as its routes say.
  static std::string speak_from(const std::string& address) {
    return "ip route replace 10.77.0.0/24 dev host0 src " + address;
  }

  void give_further_addresses() {
    look_around();
    on_each([](const std::string&, const std::string& further) {
      return "ip address add " + further + "/32 dev host0 && " + speak_from(further);
    });
  }

  void restore() {
    look_around();
    on_each([](const std::string& own, const std::string&) { return speak_from(own); });
    ASSERT_OK(pair().write_toml(facts_["primary"], shop_toml()));
    ASSERT_OK(pair().tandem(facts_["primary"], {"apply"}));
    on_each(
        [](const std::string&, const std::string& further) { return "ip address del " + further + "/32 dev host0"; });
    ASSERT_OK(clear_probes(lab(), facts_["primary"]));
    EXPECT_NE(wait_until_whole(), "");
  }

  proofs::Facts facts_;
};

} // namespace

TEST_F(Keys, EachOneThatIsAcceptedChangesWhatTheServersDo) {
  take(proofs::values_before());
  ASSERT_FALSE(HasFatalFailure());
  deploy_probe();
  ASSERT_FALSE(HasFatalFailure());
  probe([](const proofs::Proof&) { return true; }, "before");

  show("everything changes at once");
  take(proofs::values_after(Change::work));
  ASSERT_FALSE(HasFatalFailure());
  deploy_probe();
  ASSERT_FALSE(HasFatalFailure());
  probe_after(Change::work);

  show("the servers' addresses change");
  give_further_addresses();
  take(proofs::values_after(Change::servers));
  if (!HasFatalFailure()) probe_after(Change::servers);

  look_around();
  const auto refused = proofs::values_after(Change::refused);
  ASSERT_OK(write(refused));
  probe_after(Change::refused);

  show("everything as it was");
  restore();
  prove(primary());
}

class OperatorsPair : public PairTest {};

TEST_F(OperatorsPair, NobodyButTheOperatorChangesThePrimary) {
  const auto serving = primary();
  const auto standby = other(serving);
  ASSERT_OK(lab().cut(serving));
  const auto alone = [&] {
    const auto status = pair().try_tandem(standby, {"status"});
    return status && status->output.find(serving + " does not answer") != std::string::npos;
  };
  ASSERT_TRUE(wait_until(alone, soon));
  // Far longer than anybody's lease: until PostgreSQL itself has missed its primary.
  ASSERT_TRUE(wait_until([&] { return sql(lab(), standby, "select count(*) from pg_stat_wal_receiver") == "0"; },
                         std::chrono::minutes(3)));
  EXPECT_FALSE(holds_on(lab(), standby, "test -e /primary_server"));
  EXPECT_FALSE(holds_on(lab(), standby, "test -e /run/tandem/serving"));
  EXPECT_EQ(sql(lab(), standby, "select pg_is_in_recovery()"), "t");
  ASSERT_OK(lab().boot(serving));
  EXPECT_EQ(wait_until_whole(), serving);
  prove(serving);
}

} // namespace tandem::lab
