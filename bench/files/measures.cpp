#include "files/measures.hpp"

#include "base/text.hpp"
#include "common/shop_bench.hpp"

#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

namespace tandem::bench {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr int many_files = 10'000;
constexpr int steady_files = 1'000;
constexpr auto steady_for = 60s;
constexpr auto between_writes = 5ms; // 200 a second
constexpr auto longest_wait = 180s;

std::string content_of(const std::string& what) {
  auto content = what + "\n";
  content.resize(4096, '.');
  return content;
}

std::unexpected<Error> never_came(const std::string& what) {
  return failed(what + " has not come within three minutes");
}

} // namespace

void Measures::add(const std::string& what, const std::string& system, const std::string& unit, double value) {
  for (auto& series : all_)
    if (series.what == what && series.system == system) return series.values.push_back(value);
  all_.push_back({what, system, unit, {value}});
}

Result<Measures::Cost> Measures::cost() {
  Cost cost;
  for (const auto* host : {"uno", "duo"}) {
    const auto stat = read_file("/sys/fs/cgroup/unified/" + lab_.names().cgroup(host) + "/cpu.stat");
    const auto lines = split(stat, '\n');
    const auto usage =
        lines.empty() || !lines[0].starts_with("usage_usec ") ? std::nullopt : to_number(lines[0].substr(11));
    if (!usage) return failed("the control group of a lab server does not say what it has used");
    cost.processor_seconds += static_cast<double>(*usage) / 1e6;
  }
  TANDEM_TRY(const auto sent, lab_.run_checked("uno", {"cat", "/sys/class/net/host0/statistics/tx_bytes"}));
  cost.sent = static_cast<double>(to_number(trim(sent)).value_or(0));
  return cost;
}

Result<void> Measures::start(const Mirror& mirror, const std::string& tree) {
  const Stopwatch watch;
  TANDEM_CHECK(mirror.start());
  for (int probe = 0; watch.seconds() < 180; ++probe) {
    const auto name = fresh("/probe");
    TANDEM_CHECK(write_file(sides_.from + name, content_of(name)));
    // One from before it watches is left to a comparison, or to nobody.
    if (!wait_for_content(sides_.to + name, content_of(name), mirror.quick ? std::chrono::milliseconds(200) : 30s))
      continue;
    add("from the start to the first new file, " + tree, mirror.name, "s", watch.seconds());
    say(fmt::format("{}: live after {:.1f} s", mirror.name, watch.seconds()));
    return {};
  }
  return never_came("a file after the start of " + mirror.name);
}

Result<void> Measures::latency(const Mirror& mirror, const std::string& tree, int folders) {
  std::mt19937 random(7);
  const int rounds = mirror.quick ? 200 : 5;
  for (int round = 0; round < rounds; ++round) {
    const auto path = "/" + path_in_tree(tree, folders, static_cast<int>(random() % (folders * 100U)));
    const auto content = content_of(fresh(path));
    TANDEM_CHECK(write_file(sides_.from + path, content));
    const auto took = wait_for_content(sides_.to + path, content, longest_wait);
    if (!took) return never_came(path);
    add("one changed file to visible, " + tree, mirror.name, "ms", *took * 1000);
  }
  say(fmt::format("{}: one changed file in {}: median {:.2f} ms", mirror.name, tree, median(all_.back())));
  return {};
}

Result<void> Measures::burst_and_rename(const Mirror& mirror) {
  const auto folder = fresh("/burst");
  TANDEM_TRY(const auto before, cost());
  const Stopwatch watch;
  fs::create_directories(sides_.from + folder);
  for (int number = 0; number < many_files; ++number)
    TANDEM_CHECK(write_file(fmt::format("{}{}/{}", sides_.from, folder, number), content_of(std::to_string(number))));
  const double written = watch.seconds();
  if (!wait_for_names(sides_.to + folder, many_files, longest_wait)) return never_came(folder);
  add("10,000 new files in one folder, from the first write on", mirror.name, "s", watch.seconds());
  TANDEM_TRY(const auto after, cost());
  add("10,000 new files: processor time of both servers", mirror.name, "s",
      after.processor_seconds - before.processor_seconds);
  add("10,000 new files: sent", mirror.name, "MB", (after.sent - before.sent) / 1e6);
  say(fmt::format("{}: 10,000 new files after {:.2f} s, written in {:.2f} s", mirror.name, watch.seconds(), written));

  const auto renamed = fresh("/renamed");
  const Stopwatch again;
  fs::rename(sides_.from + folder, sides_.from + renamed);
  if (!wait_for_names(sides_.to + renamed, many_files, longest_wait)) return never_came(renamed);
  while (fs::exists(sides_.to + folder))
    if (again.seconds() > 180) return never_came("the end of " + folder);
  add("rename of a folder of 10,000", mirror.name, "ms", again.seconds() * 1000);
  say(fmt::format("{}: renamed after {:.1f} ms", mirror.name, again.seconds() * 1000));
  return {};
}

Result<std::size_t> Measures::unequal(const std::string& tree, int folders, int files) {
  std::size_t count = 0;
  for (int number = 0; number < files; ++number) {
    const auto path = "/" + path_in_tree(tree, folders, number);
    if (read_file(sides_.from + path) != read_file(sides_.to + path)) ++count;
  }
  return count;
}

Result<void> Measures::steady(const Mirror& mirror, const std::string& tree, int folders) {
  std::mt19937 random(11);
  TANDEM_TRY(const auto before, cost());
  const auto began = steady_clock::now();
  for (auto next = began; next < began + steady_for; next += between_writes) {
    std::this_thread::sleep_until(next);
    const auto path = "/" + path_in_tree(tree, folders, static_cast<int>(random() % steady_files));
    TANDEM_CHECK(write_file(sides_.from + path, content_of(fresh(path))));
  }
  TANDEM_TRY(const auto behind, unequal(tree, folders, steady_files));
  TANDEM_TRY(const auto after, cost());
  auto wrong = behind;
  for (const Stopwatch quiet; wrong > 0 && quiet.seconds() < 60;) {
    TANDEM_TRY(wrong, unequal(tree, folders, steady_files));
  }
  add("200 writes a second for a minute: behind at the end", mirror.name, "files", static_cast<double>(behind));
  add("200 writes a second for a minute: wrong a minute later", mirror.name, "files", static_cast<double>(wrong));
  add("200 writes a second: processor time of both servers", mirror.name, "% of a core",
      100 * (after.processor_seconds - before.processor_seconds) / 60);
  add("200 writes a second: sent", mirror.name, "MB", (after.sent - before.sent) / 1e6);
  say(fmt::format("{}: 200 writes a second: {} behind, {} wrong", mirror.name, behind, wrong));
  return {};
}

Result<void> Measures::large(const Mirror& mirror) {
  const auto name = fresh("/large");
  const auto small = fresh("/small");
  TANDEM_CHECK(make_large(sides_.from + name));
  const Stopwatch watch;
  std::atomic<bool> there = false;
  std::optional<double> large;
  std::thread other([&] {
    std::error_code error;
    while (watch.seconds() < 180 && fs::file_size(sides_.to + name, error) != std::uintmax_t{1} << 30U)
      std::this_thread::sleep_for(1ms);
    if (!error) large = watch.seconds();
    there = true;
  });
  while (!there) {
    const auto content = content_of(fresh(small));
    TANDEM_CHECK(write_file(sides_.from + small, content));
    const auto took = wait_for_content(sides_.to + small, content, longest_wait);
    if (took) add("1 GB: a small file meanwhile", mirror.name, "ms", *took * 1000);
    std::this_thread::sleep_for(20ms);
  }
  other.join();
  if (!large) return never_came(name);
  add("1 GB file, from its close on", mirror.name, "s", *large);
  say(fmt::format("{}: 1 GB after {:.1f} s", mirror.name, *large));
  return large_changed(mirror, name);
}

Result<void> Measures::large_changed(const Mirror& mirror, const std::string& name) {
  TANDEM_TRY(const auto before, cost());
  const Stopwatch watch;
  {
    std::fstream file(sides_.from + name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(std::streamoff{1} << 29U);
    file << std::string(std::size_t{64} << 10U, 'n');
    if (!file.flush()) return failed("writing " + name);
  }
  const auto is_there = [&] {
    std::error_code error;
    const auto time = fs::last_write_time(sides_.to + name, error);
    return !error && time == fs::last_write_time(sides_.from + name);
  };
  while (!is_there()) {
    if (watch.seconds() > longest_wait.count()) return never_came("what changed in " + name);
    std::this_thread::sleep_for(1ms);
  }
  add("64 KB changed in it", mirror.name, "s", watch.seconds());
  TANDEM_TRY(const auto after, cost());
  add("64 KB changed in it: sent", mirror.name, "MB", (after.sent - before.sent) / 1e6);
  say(fmt::format("{}: 64 KB changed in 1 GB after {:.1f} s", mirror.name, watch.seconds()));
  return {};
}

Result<void> Measures::idle(const Mirror& mirror, const std::string& tree) {
  TANDEM_TRY(const auto before, cost());
  std::this_thread::sleep_for(30s);
  TANDEM_TRY(const auto after, cost());
  add("at rest, " + tree + ": processor time of both servers, all that runs there", mirror.name, "% of a core",
      100 * (after.processor_seconds - before.processor_seconds) / 30);
  return memory(mirror, "resident memory, " + tree, "VmRSS");
}

Result<void> Measures::peak(const Mirror& mirror, const std::string& tree) {
  return memory(mirror, "resident memory at the most, " + tree, "VmHWM");
}

// `field`: of /proc/PID/status.
Result<void> Measures::memory(const Mirror& mirror, const std::string& what, const std::string& field) {
  for (const auto* host : {"uno", "duo"}) {
    std::string script = "cat /dev/null";
    for (const auto& program : mirror.programs)
      script +=
          fmt::format("; for p in $(pidof {}); do sed -n 's/^{}:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$p/status; done",
                      program, field);
    TANDEM_TRY(const auto sizes, lab_.run_checked(host, {"sh", "-c", script + "; true"}));
    double sum = 0;
    for (const auto& line : lines_of(sizes))
      sum += static_cast<double>(to_number(trim(line)).value_or(0)) / 1024;
    add(fmt::format("{}, {}", what, host == std::string("uno") ? "primary" : "standby"), mirror.name, "MB", sum);
  }
  return {};
}

Result<void> Measures::command(const std::string& what, const std::string& system, const std::string& script) {
  const Stopwatch watch;
  TANDEM_CHECK(lab_.run_checked("uno", {"sh", "-ec", script}, {.time_limit = std::chrono::minutes(20)}));
  add(what, system, "s", watch.seconds());
  say(fmt::format("{}: {}: {:.2f} s", system, what, watch.seconds()));
  return {};
}

} // namespace tandem::bench
