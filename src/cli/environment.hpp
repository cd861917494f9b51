// What the commands need of the world, and how a command hangs in the command line. main builds the environment.
#pragma once
#include "adopt/found.hpp"
#include "base/result.hpp"
#include "system/files.hpp"
#include "system/services.hpp"

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tandem::cli {

struct Environment {
  system::Services& services; // to start the agent
  system::Files& files;       // to read a tandem.toml
  std::string socket;         // the agent's
  std::string version;
  std::function<Result<void>()> run_agent; // `tandem agent`: this process becomes it

  // `tandem receive-files`: the roots of the file stream and what each leaves out; its messages on standard input.
  struct Root {
    std::string path;
    std::vector<std::string> left_out = {};
    std::uint64_t removed = 0; // names, within this hour, before it began
  };

  std::function<Result<void>(const std::vector<Root>& roots, double deletion_guard)> receive_files;

  // `tandem compare-files`: the replicated folders, in the agent's words, here and on that server. `flush`: sees to it
  // that the server has what had changed.
  struct Compared {
    std::uint64_t names = 0;
    std::uint64_t unlike = 0;             // folders
    std::uint64_t groups = 0;             // roots whose files have other names in common there
    std::vector<std::string> places = {}; // some of the folders

    struct Difference {
      std::size_t root = 0; // in the order of the words
      std::string path;     // below it, of any bytes
      bool missing = false; // there
      bool extra = false;   // to make it equal something would have to be removed
    };

    std::optional<std::vector<Difference>> differences = {}; // nothing: not all of them are known
  };

  std::function<Result<Compared>(const std::string& server, const std::vector<std::string>& words, bool streamed,
                                 const std::function<Result<void>()>& flush)>
      compare_files;
  // The same on that server: answers on standard output to what comes on standard input.
  std::function<Result<void>(const std::vector<std::string>& words)> answer_comparison;
  // This process becomes that program; returns only when that failed.
  std::function<Result<void>(const std::vector<std::string>& arguments)> become;
  // What this server is, read without changing anything; says each part of the work.
  std::function<Result<adopt::Found>(const system::LineSink& progress)> read_server;
  std::ostream& out;
  std::ostream& errors;
  bool terminal = false; // a person watches `errors`
  bool root = true;      // who runs it may do what it takes
};

// What a command that was chosen does; its value is printed by itself.
using Action = std::function<Result<void>()>;

// The command line as it is parsed: commands leave the chosen one's action here.
struct CommandLine {
  Environment& environment;
  Action chosen = {};
  bool json = false;    // the chosen command's --json
  bool for_all = false; // the chosen command is of use without being root
};

// A command that lists when it is typed alone, with --json, and may have subcommands of its own.
CLI::App* add_listing(CLI::App& app, CommandLine& line, const std::string& name, const std::string& help,
                      std::function<Result<void>(CommandLine&)> list);

// One file each in this folder.
void add_switchover(CLI::App& app, CommandLine& line);
void add_updates(CLI::App& app, CommandLine& line);
void add_alerts(CLI::App& app, CommandLine& line);
void add_dns(CLI::App& app, CommandLine& line);
void add_imports(CLI::App& app, CommandLine& line);
void add_certificates(CLI::App& app, CommandLine& line);
void add_events(CLI::App& app, CommandLine& line);
void add_failover(CLI::App& app, CommandLine& line);
void add_resume(CLI::App& app, CommandLine& line);
void add_abort(CLI::App& app, CommandLine& line);
void add_runbook(CLI::App& app, CommandLine& line);
void add_adopt(CLI::App& app, CommandLine& line);
void add_agent(CLI::App& app, CommandLine& line);
void add_check(CLI::App& app, CommandLine& line);
void add_init(CLI::App& app, CommandLine& line);
void add_join(CLI::App& app, CommandLine& line);
void add_remove(CLI::App& app, CommandLine& line);
void add_status(CLI::App& app, CommandLine& line);
void add_plan(CLI::App& app, CommandLine& line);
void add_apply(CLI::App& app, CommandLine& line);
void add_deploy(CLI::App& app, CommandLine& line);
void add_rollback(CLI::App& app, CommandLine& line);
void add_deploys(CLI::App& app, CommandLine& line);
void add_database(CLI::App& app, CommandLine& line);
void add_logs(CLI::App& app, CommandLine& line);
void add_files(CLI::App& app, CommandLine& line);
void add_stream(CLI::App& app, CommandLine& line);
void add_receive_files(CLI::App& app, CommandLine& line);
void add_compare_files(CLI::App& app, CommandLine& line);

// Parses, does, prints; the exit status: 0 done, 1 failed, 2 wrong usage or input, 3 refused because it would be
// unsafe.
int run(int argc, const char* const* argv, Environment& environment);

} // namespace tandem::cli
