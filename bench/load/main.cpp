// tandem-load: load on a shop and the account of it.
#include "base/text.hpp"
#include "bench/load/compare.hpp"
#include "bench/load/run.hpp"

#include <CLI/CLI.hpp>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

namespace tandem::load {

namespace {

constexpr const char* about =
    "Asks a shop for pages and places orders and photos at a fixed rate, whatever the shop does, and accounts for "
    "every\n"
    "request. Nothing is tried twice. Then compares what was acknowledged with what the shop really has.\n\n"
    "Examples:\n"
    "  tandem-load run --domain shop.example --connect 10.0.0.1 --ca /root/ca.pem --duration 1m \\\n"
    "      --ledger /root/ledger.jsonl --summary /root/load.json\n"
    "  tandem-load run … --duration 1h      until SIGTERM or Ctrl-C, at the most an hour\n"
    "  python manage.py ledger > shop.json\n"
    "  tandem-load compare --ledger /root/ledger.jsonl --shop shop.json\n\n"
    "Exit status: 0 nothing failed, was lost or doubled; 1 something was; 2 usage.";

struct RunOptions {
  RunSettings settings;
  std::string connect, duration = "1m", timeout = "30s", slow_photo_every = "10s", slow_page_every = "12s",
                       idle = "20s";
  std::string summary;
  bool quiet = false;
};

struct CompareOptions {
  std::vector<std::string> ledgers;
  std::string shop, json;
};

int complain(const Error& error, int status) {
  std::cerr << "tandem-load: " << describe(error) << "\n";
  return status;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || (file.peek() != EOF && !(text << file.rdbuf()))) return failed("reading " + path + " failed");
  return text.str();
}

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return failed("writing " + path + " failed");
  return {};
}

// Tells systemd, if it asked (Type=notify), so that "systemctl start" returns when requests flow.
void notify_systemd(std::string_view message) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!path || std::strlen(path) >= sizeof address.sun_path) return;
  std::strcpy(address.sun_path, path);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  sendto(descriptor, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), size);
  close(descriptor);
}

void print_progress(const Progress& progress) {
  const Second& second = progress.second;
  double worst = std::max(second.worst_ms, progress.oldest_ms);
  std::string of = progress.oldest_ms > second.worst_ms ? "still waiting" : second.worst_kind;
  std::string line = fmt::format("{}  {}/s  ok {}  failed {}  in flight {}  worst wait {:.0f} ms{}",
                                 progress.time.substr(11, 8), second.started, progress.answered, progress.failed,
                                 progress.in_flight, worst, of.empty() ? "" : " (" + of + ")");
  std::puts(line.c_str());
  std::fflush(stdout);
  notify_systemd("STATUS=" + line);
}

std::string new_run_id() {
  std::string time = WallClock().text(Clock::now()); // 2026-05-04T12:00:00.123Z
  return "r" + time.substr(5, 2) + time.substr(8, 2) + time.substr(11, 2) + time.substr(14, 2) + time.substr(17, 2) +
         time.substr(20, 3);
}

Result<void> complete(RunOptions& options) {
  RunSettings& settings = options.settings;
  auto duration = [](const std::string& text) -> Result<std::chrono::milliseconds> {
    auto value = parse_duration(text);
    if (!value) return fail(ErrorKind::invalid, "\"" + text + "\" is not a duration", "Write 500ms, 30s, 5m or 1h.");
    return *value;
  };
  TANDEM_TRY(settings.connect, parse_address(options.connect));
  TANDEM_TRY(settings.duration, duration(options.duration));
  TANDEM_TRY(settings.timeout, duration(options.timeout));
  TANDEM_TRY(settings.mix.slow_photo_every, duration(options.slow_photo_every));
  TANDEM_TRY(settings.mix.slow_page_every, duration(options.slow_page_every));
  TANDEM_TRY(settings.idle, duration(options.idle));
  if (settings.duration > std::chrono::hours(24)) return fail(ErrorKind::invalid, "--duration is longer than a day");
  if (settings.run.empty()) settings.run = new_run_id();
  bool slug =
      settings.run.size() <= 40 && settings.run.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                                  "0123456789_-") == std::string::npos;
  if (!slug) return fail(ErrorKind::invalid, "--run takes at most 40 letters, digits, - and _");
  return {};
}

int run_load(RunOptions& options) {
  if (auto completed = complete(options); !completed) return complain(completed.error(), 2);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  RunCallbacks callbacks;
  callbacks.on_ready = [&] {
    std::printf("run %s: %g requests/s to https://%s at %s:%s\n", options.settings.run.c_str(),
                options.settings.mix.rate, options.settings.domain.c_str(), options.settings.connect.host.c_str(),
                options.settings.connect.port.c_str());
    std::fflush(stdout);
    notify_systemd("READY=1");
  };
  if (!options.quiet) callbacks.on_progress = print_progress;
  auto summary = run(options.settings, callbacks);
  if (!summary) return complain(summary.error(), 1);
  std::fputs(("\n" + to_text(*summary)).c_str(), stdout);
  if (!options.summary.empty()) {
    if (auto written = write_file(options.summary, to_json(*summary)); !written) return complain(written.error(), 1);
  }
  return summary->figures.failures == 0 ? 0 : 1;
}

int run_compare(const CompareOptions& options) {
  std::vector<Ledger> ledgers;
  for (const std::string& path : options.ledgers) {
    auto text = read_file(path);
    if (!text) return complain(text.error(), 1);
    auto ledger = parse_ledger(*text);
    if (!ledger) return complain(std::move(ledger).error().within(path), 1);
    ledgers.push_back(std::move(*ledger));
  }
  auto text = read_file(options.shop);
  if (!text) return complain(text.error(), 1);
  auto shop = parse_shop_account(*text);
  if (!shop) return complain(std::move(shop).error().within(options.shop), 1);
  Comparison comparison = compare(ledgers, *shop);
  if (options.json == "-") {
    std::fputs(to_json(comparison).c_str(), stdout);
  } else {
    std::fputs(to_text(comparison).c_str(), stdout);
    auto written = options.json.empty() ? Result<void>{} : write_file(options.json, to_json(comparison));
    if (!written) return complain(written.error(), 1);
  }
  return comparison.good() ? 0 : 1;
}

void declare_run(CLI::App& command, RunOptions& o) {
  RunSettings& s = o.settings;
  command.add_option("--domain", s.domain, "the shop's domain: SNI, Host, and the name its certificate must have")
      ->required();
  command.add_option("--connect", o.connect, "ADDRESS[:PORT] that is connected to, as DNS would say")->required();
  command.add_option("--connect-file", s.connect_file,
                     "a file with ADDRESS[:PORT], read again for each new connection, as when DNS changes");
  command.add_option("--ca", s.ca_file, "certificates to trust (default: the system's)");
  command.add_option("--ledger", s.ledger, "the account of all writes, JSON lines")->required();
  command.add_option("--summary", o.summary, "the summary, JSON");
  command.add_option("--run", s.run, "begins every reference (default: made from the time)");
  command.add_option("--duration", o.duration, "how long requests are started; SIGTERM or SIGINT ends it earlier")
      ->capture_default_str();
  command.add_option("--requests", s.most_requests, "how many requests are started at the most")->capture_default_str();
  command.add_option("--rate", s.mix.rate, "requests per second")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 20000.0));
  command
      .add_option("--timeout", o.timeout,
                  "counted from the scheduled moment; a slow upload has as long as its body takes on top")
      ->capture_default_str();
  command.add_option("--writes", s.mix.writes, "share of writes")->capture_default_str()->check(CLI::Range(0.0, 1.0));
  command.add_option("--photos", s.mix.photos, "share of photo uploads among the writes")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command.add_option("--pages", s.mix.pages, "share of the application's pages among the reads; the rest are files")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command.add_option("--http2", s.mix.http2, "share of HTTP/2")->capture_default_str()->check(CLI::Range(0.0, 1.0));
  command.add_option("--fresh", s.mix.fresh, "share of requests on a connection of their own")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command
      .add_option("--slow-upload-every", o.slow_photo_every,
                  "a 2 MB photo at 20 kB/s, in place of a write; 0s: none. "
                  "What is left of it is sent at full speed after the stop")
      ->capture_default_str();
  command.add_option("--slow-page-every", o.slow_page_every, "a page that takes 5 s, in place of a read; 0s: none")
      ->capture_default_str();
  command.add_flag("!--no-media", s.mix.media, "never look at acknowledged photos to check their content");
  command.add_option("--visitors", s.visitors, "visitors, each with cookies and token")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command.add_option("--products", s.products, "the shop has products 1 to this")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command.add_option("--http2-connections", s.http2_connections, "kept HTTP/2 connections")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command.add_option("--requests-per-connection", s.requests_per_connection, "then a kept connection is left")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command.add_option("--idle", o.idle, "a kept connection is left after so long without a request")
      ->capture_default_str();
  command.add_option("--seed", s.mix.seed, "the same seed asks the same")->capture_default_str();
  command.add_flag("--quiet", o.quiet, "no line per second");
}

void declare_compare(CLI::App& command, CompareOptions& o) {
  command.add_option("--ledger", o.ledgers, "the account that a run kept; may be given several times")->required();
  command.add_option("--shop", o.shop, "the shop's own account, from its command \"ledger\"")->required();
  command.add_option("--json", o.json, "write the comparison here too; - : instead of the text");
}

} // namespace

int main_of(int argc, char** argv) {
  CLI::App app(about, "tandem-load");
  app.require_subcommand(1);
  RunOptions run_options;
  run_options.settings.mix.media = true;
  CompareOptions compare_options;
  CLI::App* run_command = app.add_subcommand("run", "put load on a shop");
  CLI::App* compare_command = app.add_subcommand("compare", "compare what was acknowledged with what the shop has");
  declare_run(*run_command, run_options);
  declare_compare(*compare_command, compare_options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return run_command->parsed() ? run_load(run_options) : run_compare(compare_options);
}

} // namespace tandem::load

int main(int argc, char** argv) {
  return tandem::load::main_of(argc, argv);
}
