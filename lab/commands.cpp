#include "lab/commands.hpp"

#include "base/text.hpp"
#include "lab/lab.hpp"
#include "lab/publish.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <mutex>

namespace tandem::lab {

namespace {

constexpr const char* help = R"(tandem-lab: real Debian servers on this machine, to try and to test tandem on

  uno, duo   10.77.0.11, .12   bare Debian: systemd and sshd, nothing that tandem installs
  tre        10.77.0.13        the outside world: git server, clients
They live in a network of their own; nothing reaches the outside. Needs root.

  tandem-lab up [--release bookworm|trixie] [--fresh]   make and boot a lab; --fresh: throw an old one away first
  tandem-lab status                                     hosts, partitions, snapshots
  tandem-lab run HOST [--user USER] -- COMMAND…         its exit status is passed on
  tandem-lab network -- COMMAND…                        this machine's command in the lab's network
  tandem-lab copy FILE HOST:PATH | HOST:PATH FILE
  tandem-lab publish FOLDER NAME                        as the repository http://tre/git/NAME.git, branch main
  tandem-lab cut HOST                                   power cut: link down, then dead
  tandem-lab boot HOST
  tandem-lab freeze HOST | thaw HOST                    all its processes stand still | go on
  tandem-lab partition A B [--one-way]                  nothing passes; one-way: only what A sends to B is lost
  tandem-lab heal                                       end all partitions
  tandem-lab snapshot NAME | restore NAME               all files of all hosts; the hosts are booted again
  tandem-lab down                                       leave nothing behind
Each takes --name LAB (default: default): several labs do not meet.

Examples:
  tandem-lab up
  tandem-lab run uno -- apt-get update                  packages come from a local archive
  tandem-lab run uno -- bash                            look around
  tandem-lab publish examples/shop shop                 http://tre/git/shop.git and git@tre:shop.git; to change it,
                                                        clone and push /srv/git/shop.git on tre as user git
  ls /srv/wheels                                        on uno and duo: what pip finds of the shop's requirements
  tandem-lab copy build/tandem.deb uno:/root/tandem.deb
  tandem-lab cut uno && tandem-lab boot uno
)";

struct Call {
  std::string verb;
  std::vector<std::string> words;   // without options
  std::vector<std::string> command; // after "--"
  Options options;
  std::optional<std::string> user;
  bool one_way = false;
};

Result<Call> parse(const std::vector<std::string>& arguments) {
  Call call;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& word = arguments[i];
    const auto value = [&]() -> Result<std::string> {
      if (i + 1 < arguments.size()) return arguments[++i];
      return fail(ErrorKind::invalid, word + " needs a value");
    };
    if (word == "--") {
      call.command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end());
      break;
    }
    if (word == "--name") {
      TANDEM_TRY(call.options.name, value());
    } else if (word == "--release") {
      TANDEM_TRY(call.options.release, value());
    } else if (word == "--user") {
      TANDEM_TRY(call.user, value());
    } else if (word == "--fresh") {
      call.options.fresh = true;
    } else if (word == "--one-way") {
      call.one_way = true;
    } else if (word.starts_with("-")) {
      return fail(ErrorKind::invalid, "there is no option " + word);
    } else if (call.verb.empty()) {
      call.verb = word;
    } else {
      call.words.push_back(word);
    }
  }
  return call;
}

Progress terminal_progress() {
  return [lock = std::make_shared<std::mutex>()](const std::string& line) {
    const std::lock_guard guard(*lock);
    std::cerr << line << std::endl;
  };
}

// Becomes the command, with our terminal; comes back only on failure.
Result<void> become(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const auto& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  return failed("starting " + command[0] + ": " + std::strerror(errno));
}

Result<void> up(const Call& call) {
  const auto start = std::chrono::steady_clock::now();
  TANDEM_CHECK(Lab::up(call.options, terminal_progress()));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  fmt::print("lab {} is up after {:.1f} s; look around: tandem-lab run uno{} -- bash\n", call.options.name,
             took.count(), call.options.name == "default" ? "" : " --name " + call.options.name);
  return {};
}

const char* word_for(HostState::Power power) {
  switch (power) {
  case HostState::Power::off:
    return "off";
  case HostState::Power::booting:
    return "not ready";
  case HostState::Power::running:
    return "running";
  case HostState::Power::frozen:
    return "frozen";
  }
  return "";
}

Result<void> status(Lab& lab) {
  fmt::print("lab {} ({})\n", lab.name(), lab.release());
  for (const auto& host : hosts) {
    const auto state = lab.state(std::string(host.name));
    fmt::print("  {:4} {:11} {:10}{}\n", host.name, host.address, word_for(state.power),
               state.leader ? fmt::format("systemd is process {} here", *state.leader) : "");
  }
  if (const auto partitions = lab.partitions())
    for (const auto& line : *partitions)
      fmt::print("  {}\n", line);
  if (const auto names = lab.snapshots(); !names.empty()) fmt::print("  snapshots: {}\n", join(names, ", "));
  return {};
}

Result<void> copy(Lab& lab, const std::string& from, const std::string& to) {
  const auto host_of = [](const std::string& place) {
    const auto colon = place.find(':');
    return colon != std::string::npos && find_host(place.substr(0, colon)) ? place.substr(0, colon) : std::string();
  };
  const auto source = host_of(from), target = host_of(to);
  if (source.empty() == target.empty())
    return fail(ErrorKind::invalid, "copy goes between this machine and a host",
                "Say FILE HOST:PATH or HOST:PATH FILE.");
  if (source.empty()) return lab.copy_in(from, target, to.substr(target.size() + 1));
  return lab.copy_out(source, from.substr(source.size() + 1), to);
}

struct Verb {
  const char* name;
  std::size_t words;
  bool takes_command;
  Result<void> (*act)(Lab& lab, const Call& call);
};

constexpr Verb verbs[] = {
    {"status", 0, false, [](Lab& lab, const Call&) { return status(lab); }},
    {"run", 1, true,
     [](Lab& lab, const Call& call) -> Result<void> {
       TANDEM_TRY(const auto command, lab.command_on(call.words[0], call.command, call.user));
       return become(command);
     }},
    {"network", 0, true, [](Lab& lab, const Call& call) { return become(lab.command_in_network(call.command)); }},
    {"copy", 2, false, [](Lab& lab, const Call& call) { return copy(lab, call.words[0], call.words[1]); }},
    {"publish", 2, false,
     [](Lab& lab, const Call& call) {
       return publish(lab, std::filesystem::absolute(call.words[0]), call.words[1]); // programs start elsewhere
     }},
    {"cut", 1, false, [](Lab& lab, const Call& call) { return lab.cut(call.words[0]); }},
    {"boot", 1, false, [](Lab& lab, const Call& call) { return lab.boot(call.words[0]); }},
    {"freeze", 1, false, [](Lab& lab, const Call& call) { return lab.freeze(call.words[0]); }},
    {"thaw", 1, false, [](Lab& lab, const Call& call) { return lab.thaw(call.words[0]); }},
    {"partition", 2, false,
     [](Lab& lab, const Call& call) { return lab.partition(call.words[0], call.words[1], call.one_way); }},
    {"heal", 0, false, [](Lab& lab, const Call&) { return lab.heal(); }},
    {"snapshot", 1, false, [](Lab& lab, const Call& call) { return lab.snapshot(call.words[0], terminal_progress()); }},
    {"restore", 1, false, [](Lab& lab, const Call& call) { return lab.restore(call.words[0], terminal_progress()); }},
};

Result<void> act(const Call& call) {
  if (call.verb == "up" && call.words.empty()) return up(call);
  if (call.verb == "down" && call.words.empty()) return Lab::down(call.options.name, terminal_progress());
  for (const auto& verb : verbs) {
    if (call.verb != verb.name) continue;
    if (call.words.size() != verb.words)
      return fail(ErrorKind::invalid,
                  fmt::format("{} takes {} word{} besides options", verb.name, verb.words, verb.words == 1 ? "" : "s"));
    if (verb.takes_command && call.command.empty())
      return fail(ErrorKind::invalid, call.verb + " needs a command after --");
    TANDEM_TRY(auto lab, Lab::open(call.options.name));
    return verb.act(lab, call);
  }
  return fail(ErrorKind::invalid, "tandem-lab has no verb \"" + call.verb + "\"");
}

} // namespace

int main_command(const std::vector<std::string>& arguments) {
  for (const auto& word : arguments) {
    if (word == "--") break;
    if (word == "--help" || word == "-h" || word == "help") return std::fputs(help, stdout) < 0 ? 1 : 0;
  }
  auto call = parse(arguments);
  const Result<void> done = call ? act(*call) : std::unexpected(call.error());
  if (done) return 0;
  std::cerr << "tandem-lab: " << describe(done.error()) << '\n';
  if (done.error().kind == ErrorKind::invalid) std::cerr << "  Try `tandem-lab --help`.\n";
  return done.error().kind == ErrorKind::invalid ? 2 : done.error().kind == ErrorKind::refused ? 3 : 1;
}

} // namespace tandem::lab
