// A server in memory on which converge works.
#pragma once
#include "converge/apply.hpp"
#include "fakes/halts.hpp"
#include "fakes/issuer.hpp"
#include "fakes/server.hpp"

namespace tandem::converge {

struct Quiet final : Observer {
  std::vector<std::string> lines;

  void starting(const Change& /*change*/) override {}

  void line(std::string_view text) override { lines.emplace_back(text); }

  void finished(const Change& /*change*/) override {}
};

struct NoTurns final : ReactionTurns {
  Result<void> take(const Reaction& /*reaction*/) override { return {}; }

  void give_back(const Reaction& /*reaction*/, bool /*done*/) override {}
};

// A server on which installing "nginx" brings its user, folder and unit, as Debian does.
struct Bench : fakes::Server {
  Bench() {
    for (const auto* folder : {"/etc", "/var", "/var/lib", "/home", "/www"})
      files.put_folder(folder);
    processes.answer = [this](const system::Command& command) {
      const bool bad = command.arguments[0] == "nginx" && files.content("/etc/nginx/nginx.conf").contains("broken");
      return system::Outcome{.status = bad ? 1 : 0, .output = {}, .errors = bad ? "unknown directive" : ""};
    };
    packages.on_install = [this](const std::string& name) {
      if (name != "nginx") return;
      files.put_folder("/etc/nginx");
      files.put("/etc/nginx/nginx.conf", "Debian's own\n");
      services.put("nginx.service", "active", "enabled");
    };
  }

  Result<Applied> apply_all(const std::vector<Resource>& resources, std::optional<fakes::Halts::Point> cut = {}) {
    halts = {};
    halts.cut = cut;
    auto all = context();
    return apply(resources, all);
  }

  ApplyContext context() {
    return {.ports = ports,
            .issuer = issuer,
            .turns = turns,
            .observer = observer,
            .halts = halts,
            .notes_before = notes_before};
  }

  Result<Plan> plan(const std::vector<Resource>& resources) { return plan_only(resources, ports, issuer); }

  fakes::Issuer issuer{clock.wall};
  Quiet observer;
  NoTurns turns;
  fakes::Halts halts;
  bool notes_before = false;
};

} // namespace tandem::converge
