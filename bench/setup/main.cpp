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

// Each with a key and sudo, besides the shop's own, so that there are some 300 resources.
constexpr int more_users = 40;

struct First {
  Series tandem{"first apply, two bare servers", "tandem apply", "s"};
  Series apt{"first apply, two bare servers", "apt-get, the same packages", "s"};
};

// On servers on which all is true already.
struct Nothing {
  explicit Nothing(const std::string& what)
      : apply{what, "tandem apply", "ms"}, plan{what, "tandem plan", "ms"},
        over_ssh{what, "ssh uno tandem apply", "ms"}, ansible{what, "ansible-playbook", "ms"} {}

  Series apply;
  Series plan;
  Series over_ssh;
  Series ansible;
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

Result<void> measure_first(lab::Lab& lab, lab::ShopPair& pair, First& measured, std::vector<std::string>& packages) {
  TANDEM_TRY(const auto before, chosen_packages(lab));
  TANDEM_CHECK(lab.snapshot(before_apply, say));
  for (int round = 1; round <= first_rounds; ++round) {
    TANDEM_CHECK(back_to_bare(lab));
    const bench::Stopwatch watch;
    TANDEM_CHECK(pair.tandem("uno", {"apply"}));
    measured.tandem.values.push_back(watch.seconds());
    if (round == 1) {
      TANDEM_TRY(const auto after, chosen_packages(lab));
      std::ranges::set_difference(after, before, std::back_inserter(packages));
    }
    TANDEM_CHECK(back_to_bare(lab));
    TANDEM_TRY(const double alone, apt_alone(lab, packages));
    measured.apt.values.push_back(alone);
    say(fmt::format("round {}: tandem apply {:.1f} s, apt-get of {} packages {:.1f} s", round,
                    measured.tandem.values.back(), packages.size(), alone));
  }
  return {};
}

Result<double> milliseconds(const std::function<Result<std::string>()>& work) {
  const bench::Stopwatch watch;
  TANDEM_CHECK(work());
  return watch.seconds() * 1000;
}

Result<Nothing> measure_nothing(lab::Lab& lab, bench::Ansible& ansible, const bench::ResourceIds& ids) {
  std::size_t resources = 0;
  for (const auto& [server, its] : ids)
    resources += its.size();
  Nothing measured(fmt::format("nothing to do, two servers, {} resources", resources));
  TANDEM_CHECK(ansible.run()); // gathers its facts, makes its connections
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
    measured.apply.values.push_back(apply);
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
  return measured;
}

// What the next apply is going to make, by server.
Result<bench::ResourceIds> planned(lab::Lab& lab) {
  TANDEM_TRY(const auto text, lab.run_checked("uno", {"tandem", "plan", "--json"}));
  const auto plan = Json::parse(text);
  bench::ResourceIds ids;
  for (const auto& server : plan.at("servers"))
    ids[server.at("name")] = server.at("ids");
  return ids;
}

std::string with_many_users() {
  lab::TomlOptions options;
  for (int i = 1; i <= more_users; ++i)
    options.more += fmt::format("[[user]]\nname = \"user{0}\"\nsudo_nopasswd = true\nssh_keys = [\"ssh-ed25519 "
                                "AAAAC3NzaC1lZDI1NTE5AAAAIHUZwqjSbmXSHDtLTDqUMlZqnyfTxNaXR2sbdAGCqp{0:02} user{0}\"]\n",
                                i);
  return lab::shop_toml(options);
}

Result<void> run(lab::Lab& lab) {
  auto pair = bench::shop_pair(lab);
  for (const auto* host : {"uno", "duo"})
    TANDEM_CHECK(pair.install(host));
  TANDEM_CHECK(pair.write_toml("uno", lab::shop_toml()));
  TANDEM_TRY(const auto token, pair.init());
  TANDEM_CHECK(pair.join_second(token));
  TANDEM_TRY(const auto ids, planned(lab));
  First first;
  std::vector<std::string> packages;
  TANDEM_CHECK(measure_first(lab, pair, first, packages));

  TANDEM_CHECK(back_to_bare(lab));
  TANDEM_CHECK(pair.tandem("uno", {"apply"}));
  TANDEM_CHECK(pair.publish_shop());
  TANDEM_CHECK(pair.tandem("uno", {"deploy", lab::shop_domain}));
  TANDEM_TRY(auto ansible, bench::Ansible::describe(lab, ids, packages));
  TANDEM_TRY(const auto shop, measure_nothing(lab, ansible, ids));

  TANDEM_CHECK(pair.write_toml("uno", with_many_users()));
  TANDEM_TRY(auto more_ids, planned(lab));
  for (auto& [server, its] : more_ids) {
    its.insert(its.end(), ids.at(server).begin(), ids.at(server).end());
    std::ranges::sort(its);
    its.erase(std::ranges::unique(its).begin(), its.end());
  }
  TANDEM_CHECK(pair.tandem("uno", {"apply"}));
  TANDEM_TRY(auto wide_ansible, bench::Ansible::describe(lab, more_ids, packages));
  TANDEM_TRY(const auto wide, measure_nothing(lab, wide_ansible, more_ids));
  TANDEM_CHECK(bench::write_results("setup", {first.tandem, first.apt, shop.apply, shop.plan, shop.over_ssh,
                                              shop.ansible, wide.apply, wide.plan, wide.over_ssh, wide.ansible}));
  std::cout << fmt::format(
      "first apply to apt-get: {:.2f}; ansible-playbook to tandem apply over ssh: {:.0f} and {:.0f}\n",
      median(first.tandem) / median(first.apt), median(shop.ansible) / median(shop.over_ssh),
      median(wide.ansible) / median(wide.over_ssh));
  return {};
}

} // namespace

int main() {
  return bench::run_benchmark("two bare servers, set up from one file", run);
}
