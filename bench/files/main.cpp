// Files on the standby: tandem beside lsyncd, as it is installed and as fast as it can be set, and beside rsync and tar
// over ssh, on the same two lab servers in one run: build/bench/files.json. `--small`: without the tree of a million.
#include "common/shop_bench.hpp"
#include "files/measures.hpp"

#include <string_view>

namespace {

using namespace tandem;
using bench::Measures;
using bench::Mirror;
using bench::say;

constexpr auto* small_tree = "10,000 files";
constexpr auto* large_tree = "1,000,000 files";
constexpr int compared = 5; // times
bool small_alone = false;

int folders_of(const std::string& tree) {
  return tree == small_tree ? 100 : 10'000;
}

Result<void> measure(Measures& measures, const Mirror& mirror, const std::string& tree) {
  TANDEM_CHECK(measures.start(mirror, tree));
  TANDEM_CHECK(measures.idle(mirror, tree));
  for (int round = 0; round < compared && !mirror.compare.empty(); ++round)
    TANDEM_CHECK(measures.command("nothing changed, " + tree, mirror.compare, mirror.compare));
  TANDEM_CHECK(measures.latency(mirror, tree, folders_of(tree)));
  if (tree == small_tree) {
    for (int round = 0; round < (mirror.quick ? 3 : 1); ++round)
      TANDEM_CHECK(measures.burst_and_rename(mirror));
    TANDEM_CHECK(measures.steady(mirror, tree, folders_of(tree)));
    TANDEM_CHECK(measures.large(mirror));
  }
  TANDEM_CHECK(measures.peak(mirror, tree));
  return mirror.stop();
}

// By hand, once each.
Result<void> by_hand(lab::Lab& lab, Measures& measures) {
  TANDEM_CHECK(lab.run_checked("uno", {"sh", "-ec",
                                       "mkdir /root/made; cp -a $(ls -d /www/renamed-* | head -1) /root/made/one; cp "
                                       "$(ls -d /www/large-* | head -1) /root/made/large; "
                                       "ssh root@10.77.0.12 mkdir /root/made /root/a /root/b"}));
  TANDEM_CHECK(measures.command("10,000 files", "tar over ssh",
                                "tar -C /root/made -cf - one | ssh root@10.77.0.12 tar -C /root/made -xf -"));
  TANDEM_CHECK(
      measures.command("1 GB file", "rsync over ssh", "rsync -a -e ssh /root/made/large root@10.77.0.12:/root/a/"));
  TANDEM_CHECK(
      measures.command("1 GB file", "rsync over ssh with AES-GCM",
                       "rsync -a -e 'ssh -c aes128-gcm@openssh.com' /root/made/large root@10.77.0.12:/root/b/"));
  return {};
}

Result<void> run_tree(Measures& measures, const std::vector<Mirror>& mirrors, const std::string& tree) {
  say("making " + tree + " on both sides");
  TANDEM_CHECK(bench::make_tree(measures.sides(), tree, folders_of(tree)));
  for (int round = 0; round < compared; ++round)
    TANDEM_CHECK(measures.command("nothing changed, " + tree, "rsync -a --delete over ssh",
                                  "rsync -a --delete /www/ root@10.77.0.12:/www/"));
  for (const auto& mirror : mirrors)
    TANDEM_CHECK(measure(measures, mirror, tree));
  return {};
}

Result<void> run(lab::Lab& lab) {
  auto pair = bench::shop_pair(lab);
  TANDEM_CHECK(bench::set_up_tandem(lab, pair));
  TANDEM_CHECK(bench::set_up_lsyncd(lab));
  Measures measures(lab,
                    {.from = lab.names().host_folder("uno") + "/www", .to = lab.names().host_folder("duo") + "/www"});
  const auto mirrors = bench::all_mirrors(lab);
  TANDEM_CHECK(run_tree(measures, mirrors, small_tree));
  TANDEM_CHECK(by_hand(lab, measures));
  TANDEM_CHECK(bench::write_results("files", measures.all())); // the other tree takes its time
  if (small_alone) return {};
  TANDEM_CHECK(run_tree(measures, mirrors, large_tree));
  return bench::write_results("files", measures.all());
}

} // namespace

int main(int argc, char** argv) {
  small_alone = argc > 1 && std::string_view(argv[1]) == "--small";
  return bench::run_benchmark("files on the standby", run);
}
