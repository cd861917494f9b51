// layer: config
// Any text is either a pair or a list of problems, each within the file and safe to print, and a pair never
// holds a text that could end a line of a generated file.
#include "config/load.hpp"
#include "config/syntax.hpp"

#include <algorithm>
#include <cstdlib>

namespace {

using namespace tandem;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_problems(const config::Loaded& loaded, std::string_view text) {
  const auto lines = std::ranges::count(text, '\n') + 1;
  std::pair<std::uint32_t, std::uint32_t> last;
  for (const auto& problem : loaded.problems) {
    require(problem.line >= 1 && problem.line <= lines && problem.column >= 1);
    require(!problem.problem.empty());
    require(config::is_printable(problem.problem) && config::is_printable(problem.expected));
    require(problem.problem.size() < 1000 && problem.expected.size() < 1000);
    const std::pair position{problem.line, problem.column};
    require(last <= position);
    last = position;
  }
}

void check_texts(const std::vector<std::string>& texts) {
  for (const auto& text : texts)
    require(config::is_printable(text));
}

void check_pair(const model::Pair& pair) {
  require(!pair.servers.empty() && !pair.name.empty());
  require(pair.role.hold > pair.role.drain);
  for (const auto& server : pair.servers)
    require(config::is_ipv4(server.address) && config::is_address(server.peer_address));
  check_texts(pair.files.replicate);
  check_texts(pair.files.exclude);
  check_texts(pair.host.packages);
  for (const auto& [name, value] : pair.database.settings)
    check_texts({name, value});
  for (const auto& site : pair.sites) {
    require(pair.user(site.owner) != nullptr);
    check_texts({site.domain, site.repo, site.branch, site.wsgi, site.health, site.requirements});
    check_texts(site.deploy_steps);
    check_texts(site.pip_options);
    for (const auto& settings : {site.environment, site.uwsgi.settings, site.serve})
      for (const auto& [name, value] : settings)
        check_texts({name, value});
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const config::KeySet built = config::built_keys();
  static const config::KeySet all = config::all_keys();
  const std::string text(reinterpret_cast<const char*>(data), size);
  const config::SecretReader secret = [](const std::string& path) {
    return path.contains("missing") ? std::nullopt : std::optional(path + "\n");
  };
  for (const auto* accepted : {&built, &all}) {
    const auto loaded = config::load({"/etc/tandem/tandem.toml", text}, secret, *accepted);
    require(loaded.pair.has_value() == loaded.problems.empty());
    check_problems(loaded, text);
    if (loaded.pair) check_pair(*loaded.pair);
  }
  return 0;
}
