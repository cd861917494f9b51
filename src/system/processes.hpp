// The port to other programs. Commands are argument lists, never shell lines.
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::system {

// A folder that a program sees in another one's place.
struct View {
  std::string shown;
  std::string at;
  bool operator==(const View&) const = default;
};

struct Command {
  std::vector<std::string> arguments;                  // arguments[0] is looked up in PATH
  std::map<std::string, std::string> environment = {}; // added to a small clean one (PATH, LANG=C.UTF-8, HOME)
  std::string folder = "/";                            // working folder
  std::string input = {};                              // standard input; empty: /dev/null
  std::optional<std::string> user = {};                // run as this user with its groups; else as ourselves
  std::vector<View> views = {};                        // for this program and its children alone; needs root
  std::chrono::milliseconds time_limit =
      std::chrono::minutes(10); // then SIGTERM, two seconds later SIGKILL, to the whole group
};

struct Outcome {
  int status = 0; // exit status; 128 + signal when killed by one
  bool timed_out = false;
  std::string output; // standard output, at most the last 1 MiB
  std::string errors; // standard error, likewise

  [[nodiscard]] bool ok() const { return status == 0 && !timed_out; }
};

// Called with each whole line of output or errors as it comes, without its line end, on the calling thread.
using LineSink = std::function<void(std::string_view line)>;

class Processes {
public:
  virtual ~Processes() = default;
  // Runs to its end. An error only when it could not be started; a failing program is an Outcome.
  virtual Result<Outcome> run(const Command& command, const LineSink& on_line = {}) = 0;
};

// posix_spawn-free fork/exec with a process group of its own. Blocks the calling thread; any thread.
class LinuxProcesses final : public Processes {
public:
  Result<Outcome> run(const Command& command, const LineSink& on_line = {}) override;
};

// As run(), but a program that fails or runs over its limit is an error that quotes its last lines.
Result<Outcome> run_checked(Processes& processes, const Command& command, const LineSink& on_line = {});
// That error, when it is one.
Result<Outcome> checked(const Command& command, Outcome outcome);

} // namespace tandem::system
