// [role], and what a change of primary shows: the switchover that the last of them begin goes through after the change.
#include "keys/key_proofs.hpp"

namespace tandem::proofs {

namespace {

// A visitor comes while the gate is closed in a switchover that stands still; then it is given up.
constexpr auto* held_visitor = R"shell(echo drain before > /run/tandem/halt
tandem switchover &
within_a_minute test ! -e /run/tandem/serving
visit probe.test / -o /dev/null --max-time 20 -w 'a visitor got %{http_code}\n'
tandem abort &
turned_back() { grep -hq '"kind":"turned back"' $(ls -t /var/lib/tandem/runs/* | head -1); }
within_a_minute turned_back
rm /run/tandem/halt
wait
)shell";

constexpr auto* old_transaction = R"shell(
systemd-run -q --collect --unit=old-transaction runuser -u postgres -- psql -Xqc 'begin' -c 'select pg_sleep(100)'
old_enough() {
  test "$(sql "select count(*) from pg_stat_activity where state = 'active' and query ~ '^select pg_sleep'
    and xact_start < now() - interval '4 s'")" = 1
}
within_a_minute old_enough
)shell";

} // namespace

std::vector<Proof> role_proofs() {
  using enum Place;
  return {
      {.key = "role.authority=operator",
       .before = R"("operator")",
       .after = R"("operator")",
       .test = "OperatorsPair.NobodyButTheOperatorChangesThePrimary"},
      {.key = "role.standby=warm",
       .before = R"("warm")",
       .after = R"("warm")",
       .test = "Standby.IsWarmOrColdAsTheFileSaysAndTakesOverEitherWay"},
      {"role.standby=cold",
       R"("warm")",
       R"("cold")",
       {{standby, "systemctl list-units --plain 'tandem-site@probe*'", "running", "0 loaded units"}}},
      {.key = "role.fence",
       .before = R"(["/bin/false"])",
       .after = R"(["/bin/true"])",
       .test = "Failover.ASilentPrimaryIsSwitchedOffByTheFenceCommand"},
      {"role.hold", R"("15s")", R"("60s")", {{primary, held_visitor, "a visitor got 503", "a visitor got 000"}}},
      {"role.drain",
       R"("2s")",
       R"("14s")",
       {{primary, "tandem switchover && echo 'went through'; systemctl stop old-transaction 2>/dev/null",
         "a transaction has been open", "went through", old_transaction}}},
      {"site.on_promote",
       "",
       R"(["touch static/promoted"])",
       {{primary, "test -e /www/probe.test/static/promoted && echo run || echo none", "none", "run"}}},
  };
}

} // namespace tandem::proofs
