// The network of one lab: a namespace with a bridge to which every host is plugged.
#pragma once
#include "base/result.hpp"
#include "lab/names.hpp"
#include "system/processes.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tandem::lab {

class Network {
public:
  Network(system::Processes& processes, Names names) : processes_(processes), names_(std::move(names)) {}

  // The namespace with its bridge and the lab machine's own address on it. What is there already is kept.
  Result<void> make();
  // Ends every process in the namespace but this one, and removes it. Nothing there is a success.
  Result<void> remove();
  [[nodiscard]] bool exists() const;
  // A command that runs in the namespace.
  [[nodiscard]] std::vector<std::string> inside(std::vector<std::string> arguments) const;

  // Takes the host's port down: nothing that it sends from now on is seen.
  Result<void> unplug(const Host& host);
  // Removes a dead host's port, so that its next boot can make it again.
  Result<void> remove_port(const Host& host);

  // Drops what `from` sends to `to`; with both_ways what `to` sends to `from` as well.
  Result<void> partition(const Host& from, const Host& to, bool both_ways);
  // Beyond so many bytes a second what one sends to the other is dropped.
  Result<void> slow_down(const Host& one, const Host& other, unsigned kilobytes);
  Result<void> heal(); // all of that
  // "uno does not reach duo", one line a direction.
  Result<std::vector<std::string>> partitions();

private:
  Result<system::Outcome> run(std::vector<std::string> arguments, const std::string& input = {});
  Result<void> drop(const Host& one, const Host& other, bool both_ways, const std::string& what);
  [[nodiscard]] bool has_port(const Host& host);

  system::Processes& processes_;
  Names names_;
};

} // namespace tandem::lab
