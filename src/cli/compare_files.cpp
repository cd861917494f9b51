#include "base/text.hpp"
#include "cli/environment.hpp"
#include "peer/local_client.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace tandem::cli {

namespace {

constexpr auto flush_limit_s = 30;

// A path may be of any bytes.
nlohmann::json to_json(const Environment::Compared::Difference& one) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(one.path.data());
  return {{"root", one.root},
          {"path_hex", to_hex({bytes, one.path.size()})},
          {"missing", one.missing},
          {"extra", one.extra}};
}

// For the agent, on one line.
Result<void> compare(const CommandLine& line, const std::string& server, const std::vector<std::string>& words,
                     bool streamed) {
  const auto flush = [&]() -> Result<void> {
    TANDEM_TRY(auto client, peer::LocalClient::connect(line.environment.socket, line.environment.version));
    TANDEM_CHECK(client.call("files.flush", {{"server", server}, {"limit_s", flush_limit_s}}));
    return {};
  };
  TANDEM_TRY(const auto found, line.environment.compare_files(server, words, streamed, flush));
  nlohmann::json said{
      {"names", found.names}, {"unlike", found.unlike}, {"groups", found.groups}, {"places", found.places}};
  if (found.differences) {
    said["differences"] = nlohmann::json::array();
    for (const auto& one : *found.differences)
      said["differences"].push_back(to_json(one));
  }
  line.environment.out << said.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  return {};
}

} // namespace

// Not for people: the agents of both servers start it before a comparison by rsync, which is not needed when nothing
// differs.
void add_compare_files(CLI::App& app, CommandLine& line) {
  auto server = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("compare-files", "Say whether the replicated folders of a server are like these");
  auto none = std::make_shared<bool>(false);
  command->group(""); // not listed
  command->add_option("--with", *server, "That server; without it: be its end, on standard input and output");
  command->add_flag("--no-stream", *none, "No changes are streamed there");
  command->prefix_command();
  command->footer("Example:\n  tandem compare-files --with duo --root=/www '--rule=--filter=-p *.pyc'   # as the agent "
                  "calls it");
  command->callback([&line, server, none, command] {
    line.chosen = [&line, server, none, words = command->remaining()] {
      return server->empty() ? line.environment.answer_comparison(words) : compare(line, *server, words, !*none);
    };
  });
}

} // namespace tandem::cli
