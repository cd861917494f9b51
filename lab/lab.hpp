// A lab: three real Debian servers, booted as systemd containers in a network of their own on one machine.
// Needs root. One Lab object may be used from several threads, but not two changing the same host.
#pragma once
#include "base/result.hpp"
#include "lab/container.hpp"
#include "lab/names.hpp"
#include "lab/network.hpp"
#include "lab/progress.hpp"
#include "lab/tools.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tandem::lab {

struct Options {
  std::string name = "default";
  std::string release = "bookworm"; // or "trixie"
  bool fresh = false;               // throw an existing lab of this name away first
};

struct RunOptions {
  std::optional<std::string> user = {}; // else root
  std::string input = {};
  std::chrono::milliseconds time_limit = std::chrono::minutes(10);
  system::LineSink on_line = {};
};

struct HostState {
  enum class Power { off, booting, running, frozen } power = Power::off;
  std::optional<pid_t> leader;
};

class Lab {
public:
  // Builds what the cache lacks, then makes and boots the lab: ready when systemd of every host says "running".
  // An existing complete lab is kept with its files and its missing hosts are booted; an interrupted one is made anew.
  static Result<Lab> up(const Options& options, const Progress& progress);
  // An existing, complete lab; not_found otherwise.
  static Result<Lab> open(const std::string& name);
  // Removes everything of a lab: processes, namespace, control groups, folder; of an interrupted `up` as well.
  // Nothing there is a success, but for a lab that another process works on: refused.
  static Result<void> down(const std::string& name, const Progress& progress);

  [[nodiscard]] const std::string& name() const { return names_.lab(); }

  [[nodiscard]] const std::string& release() const { return release_; }

  [[nodiscard]] const Names& names() const { return names_; }

  // Runs a command on a host to its end. unavailable when the host is off. On a frozen host it hangs until the limit.
  Result<system::Outcome> run(const std::string& host, std::vector<std::string> arguments,
                              const RunOptions& options = {});
  // The same; a command that fails is an error with its last words. For its output.
  Result<std::string> run_checked(const std::string& host, std::vector<std::string> arguments,
                                  const RunOptions& options = {});
  // The same command as an argument list for exec(), with the caller's terminal.
  Result<std::vector<std::string>> command_on(const std::string& host, const std::vector<std::string>& arguments,
                                              const std::optional<std::string>& user = {});
  // In the lab's network, on the lab machine's own files (its address there is 10.77.0.1).
  Result<system::Outcome> run_in_network(std::vector<std::string> arguments, const RunOptions& options = {});
  [[nodiscard]] std::vector<std::string> command_in_network(std::vector<std::string> arguments) const;

  // Files in one rename; folders on the way are made. Paths on hosts are absolute.
  Result<void> write_file(const std::string& host, const std::string& path, const std::string& content,
                          std::uint32_t mode = 0644);
  Result<std::string> read_file(const std::string& host, const std::string& path);
  Result<void> copy_in(const std::string& file, const std::string& host, const std::string& path);
  Result<void> copy_out(const std::string& host, const std::string& path, const std::string& file);

  Result<void> cut(const std::string& host);       // power cut: the link goes first, so that no peer sees an end
  Result<void> boot(const std::string& host);      // returns when it is ready; running already is a success
  Result<void> power_off(const std::string& host); // orderly
  // All its processes stand still. Its kernel goes on: it answers a ping and takes connections, but nobody serves them.
  Result<void> freeze(const std::string& host);
  Result<void> thaw(const std::string& host);
  // Nothing passes between the two; one_way: only what `a` sends to `b` is lost.
  Result<void> partition(const std::string& a, const std::string& b, bool one_way = false);
  // No more than so many kilobytes a second pass between the two, until heal().
  Result<void> slow_down(const std::string& a, const std::string& b, unsigned kilobytes);
  Result<void> heal();

  // Stops the hosts in order, keeps or puts back all their files under this name, boots them again.
  Result<void> snapshot(const std::string& name, const Progress& progress);
  Result<void> restore(const std::string& name, const Progress& progress);
  [[nodiscard]] std::vector<std::string> snapshots() const;

  [[nodiscard]] HostState state(const std::string& host);
  Result<std::vector<std::string>> partitions(); // in words

private:
  Lab(Names names, std::string release, Image bare, Image outside);
  static Result<Lab> make(const Names& names, const Options& options, const Progress& progress);
  static Result<Lab> load(const Names& names);
  [[nodiscard]] Result<void> save() const;
  Result<Container> container(const std::string& host);
  Result<void> boot_all(const Progress& progress);
  Result<void> stop_all();

  Names names_;
  std::string release_;
  Image bare_;
  Image outside_;
  std::unique_ptr<Tools> tools_; // stateless; a pointer, so that a Lab can move while others refer to it
};

} // namespace tandem::lab
