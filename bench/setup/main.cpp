// The set-up of two servers: the first `tandem apply` beside apt-get alone, and one that has nothing to do beside an
// Ansible playbook of the same resources, on the same lab servers in the same run: build/bench/setup.json.
#include "base/text.hpp"
#include "common/shop_bench.hpp"
#include "lab/wait.hpp"
#include "setup/ansible.hpp"

#include <nlohmann/json.hpp>

#include <iostream>
#include <set>
#include <thread>

namespace {

using namespace tandem;
using bench::say;
using bench::Series;
using Json = nlohmann::json;

constexpr int first_rounds = 3;
constexpr int tandem_rounds = 20;
constexpr int ansible_rounds = 5;
constexpr auto* before_apply = "joined";

struct Measured {
  Series first{"first apply, two bare servers", "tandem apply", "s"};
  Series apt{"first apply, two bare servers", "apt-get, the same packages", "s"};
  Series nothing{"nothing to do, two servers", "tandem apply", "ms"};
  Series plan{"nothing to do, two servers", "tandem plan", "ms"};
  Series over_ssh{"nothing to do, two servers", "ssh uno tandem apply", "ms"};
  Series ansible{"nothing to do, two servers", "ansible-playbook", "ms"};
};

Result<std::set<std::string>> chosen_packages(lab::Lab& lab) {
  TANDEM_TRY(const auto text, lab.run_checked("uno", {"apt-mark", "showmanual"}));
  const auto names = split(trim(text), '\n');
  return std::set<std::string>(names.begin(), names.end());
}

// Both servers as they were before the first apply, their agents connected.
Result<void> back_to_bare(lab::Lab& lab) {
  TANDEM_CHECK(lab.restore(before_apply, say));
  const bool met = lab::wait_until(
      [&] {
        const auto said = lab.run("uno", {"tandem", "status", "--json"});
        if (!said || !said->ok()) return false;
        const auto status = Json::parse(said->output);
        return std::ranges::all_of(status.at("servers"), [](const Json& one) { return one.value("reachable", false); });
      },
      std::chrono::minutes(2));
  return met ? Result<void>() : failed("the two agents did not meet after the servers had booted");
}

// Both servers at once, as apply does.
Result<double> apt_alone(lab::Lab& lab, const std::vector<std::string>& packages) {
  const auto command = "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -q -y install "
                       "--no-install-recommends " +
                       join(packages, " ");
  const bench::Stopwatch watch;
  Result<std::string> on_duo = std::string();
  std::thread other([&] { on_duo = lab.run_checked("duo", {"sh", "-c", command}); });
  const auto on_uno = lab.run_checked("uno", {"sh", "-c", command});
  other.join();
  TANDEM_CHECK(on_uno);
  TANDEM_CHECK(on_duo);
  return watch.seconds();
}

Result<void> measure_first(lab::Lab& lab, lab::ShopPair& pair, Measured& measured, std::vector<std::string>& packages) {
  TANDEM_TRY(const auto before, chosen_packages(lab));
  TANDEM_CHECK(lab.snapshot(before_apply, say));
  for (int round = 1; round <= first_rounds; ++round) {
    TANDEM_CHECK(back_to_bare(lab));
    const bench::Stopwatch watch;
    TANDEM_CHECK(pair.tandem("uno", {"apply"}));
    measured.first.values.push_back(watch.seconds());
    if (round == 1) {
      TANDEM_TRY(const auto after, chosen_packages(lab));
      std::ranges::set_difference(after, before, std::back_inserter(packages));
    }
    TANDEM_CHECK(back_to_bare(lab));
    TANDEM_TRY(const double alone, apt_alone(lab, packages));
    measured.apt.values.push_back(alone);
    say(fmt::format("round {}: tandem apply {:.1f} s, apt-get of {} packages {:.1f} s", round,
                    measured.first.values.back(), packages.size(), alone));
  }
  return {};
}

Result<double> milliseconds(const std::function<Result<std::string>()>& work) {
  const bench::Stopwatch watch;
  TANDEM_CHECK(work());
  return watch.seconds() * 1000;
}

Result<void> measure_nothing(lab::Lab& lab, bench::Ansible& ansible, Measured& measured) {
  const std::vector<std::string> ssh{"ssh",
                                     "-i",
                                     lab.names().key_file(),
                                     "-o",
                                     "StrictHostKeyChecking=no",
                                     "-o",
                                     "UserKnownHostsFile=/dev/null",
                                     "-o",
                                     "LogLevel=ERROR",
                                     "root@10.77.0.11",
                                     "tandem",
                                     "apply"};
  for (int round = 0; round < tandem_rounds; ++round) {
    TANDEM_TRY(const double apply, milliseconds([&] { return lab.run_checked("uno", {"tandem", "apply"}); }));
    TANDEM_TRY(const double plan, milliseconds([&] { return lab.run_checked("uno", {"tandem", "plan"}); }));
    TANDEM_TRY(const double over_ssh, milliseconds([&]() -> Result<std::string> {
                 TANDEM_TRY(const auto outcome, lab.run_in_network(ssh));
                 return outcome.ok() ? Result<std::string>(outcome.output) : failed("ssh: " + outcome.errors);
               }));
    measured.nothing.values.push_back(apply);
    measured.plan.values.push_back(plan);
    measured.over_ssh.values.push_back(over_ssh);
  }
  for (int round = 1; round <= ansible_rounds; ++round) {
    const bench::Stopwatch watch;
    TANDEM_TRY(const auto run, ansible.run());
    if (run.changed != 0) return failed(fmt::format("the playbook changed {} things that were true", run.changed));
    measured.ansible.values.push_back(watch.seconds() * 1000);
    say(fmt::format("ansible-playbook, round {}: {:.1f} s, {} items", round, watch.seconds(), run.items));
  }
  return {};
}

// What the first apply is going to make on each server.
Result<bench::ResourceIds> planned(lab::Lab& lab) {
  TANDEM_TRY(const auto text, lab.run_checked("uno", {"tandem", "plan", "--json"}));
  const auto plan = Json::parse(text);
  bench::ResourceIds ids;
  for (const auto& server : plan.at("servers"))
    ids[server.at("name")] = server.at("ids");
  return ids;
}

Result<void> run(lab::Lab& lab) {
  auto pair = bench::shop_pair(lab);
  for (const auto* host : {"uno", "duo"})
    TANDEM_CHECK(pair.install(host));
  TANDEM_CHECK(pair.write_toml("uno", lab::shop_toml()));
  TANDEM_TRY(const auto token, pair.init());
  TANDEM_CHECK(pair.join_second(token));
  TANDEM_TRY(const auto ids, planned(lab));
  Measured measured;
  std::vector<std::string> packages;
  TANDEM_CHECK(measure_first(lab, pair, measured, packages));

  TANDEM_CHECK(back_to_bare(lab));
  TANDEM_CHECK(pair.tandem("uno", {"apply"}));
  TANDEM_CHECK(pair.publish_shop());
  TANDEM_CHECK(pair.tandem("uno", {"deploy", lab::shop_domain}));
  TANDEM_TRY(auto ansible, bench::Ansible::describe(lab, ids, packages));
  TANDEM_CHECK(ansible.run()); // gathers its facts, makes its connections
  TANDEM_CHECK(measure_nothing(lab, ansible, measured));
  TANDEM_CHECK(bench::write_results(
      "setup", {measured.first, measured.apt, measured.nothing, measured.plan, measured.over_ssh, measured.ansible}));
  std::cout << fmt::format("first apply to apt-get: {:.2f}; ansible-playbook to tandem apply over ssh: {:.0f}\n",
                           median(measured.first) / median(measured.apt),
                           median(measured.ansible) / median(measured.over_ssh));
  return {};
}

} // namespace

int main() {
  return bench::run_benchmark("two bare servers, set up from one file", run);
}
