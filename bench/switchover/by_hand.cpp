#include "by_hand.hpp"

#include "base/text.hpp"
#include "lab/wait.hpp"
#include "system/postgres_layout.hpp"

namespace tandem::bench {

namespace {

constexpr auto* stop = "date +%s%N; systemctl stop postgresql@15-main";
constexpr auto* promote = "runuser -u postgres -- psql -XAtqc 'select pg_promote()' -c 'create table if not exists "
                          "floor(number int)' -c 'insert into floor values (1)' >/dev/null && date +%s%N";

Result<double> nanoseconds(lab::Lab& lab, const std::string& host, const std::string& script) {
  TANDEM_TRY(const auto said, lab.run_checked(host, {"sh", "-c", script}));
  const auto number = to_number(trim(said));
  if (!number) return failed(host + " did not tell the time: " + said);
  return static_cast<double>(*number);
}

// As `from`'s administrator would make it a standby; its configuration is kept in the form that tandem writes.
Result<void> follow(lab::Lab& lab, const std::string& from, const std::string& to) {
  const auto layout = system::postgres_layout(15);
  const std::string address = to == "uno" ? "10.77.0.11" : "10.77.0.12";
  TANDEM_CHECK(lab.write_file(from, system::upstream_path(layout), system::upstream_text(from, address)));
  const auto slot =
      fmt::format("runuser -u postgres -- psql -XAtqc \"select pg_create_physical_replication_slot('{0}', true) "
                  "where not exists (select 1 from pg_replication_slots where slot_name = '{0}')\"",
                  system::replication_slot(from));
  TANDEM_CHECK(lab.run_checked(to, {"sh", "-c", slot}));
  TANDEM_CHECK(lab.run_checked(
      from, {"sh", "-c",
             "runuser -u postgres -- touch " + layout.data + "/standby.signal && systemctl start postgresql@15-main"}));
  const auto streams = "test \"$(runuser -u postgres -- psql -XAtqc 'select count(*) from pg_stat_replication')\" = 1";
  const bool following = lab::wait_until(
      [&] {
        const auto asked = lab.run(to, {"sh", "-c", streams});
        return asked && asked->ok();
      },
      std::chrono::minutes(1));
  return following ? Result<void>() : failed(from + " does not follow " + to);
}

} // namespace

Result<double> change_by_hand(lab::Lab& lab, const std::string& from, const std::string& to) {
  TANDEM_CHECK(lab.run_checked(from, {"runuser", "-u", "postgres", "--", "psql", "-XAtqc", "checkpoint"}));
  TANDEM_TRY(const double begin, nanoseconds(lab, from, stop));
  TANDEM_TRY(const double end, nanoseconds(lab, to, promote));
  TANDEM_CHECK(follow(lab, from, to));
  return (end - begin) / 1e6;
}

} // namespace tandem::bench
