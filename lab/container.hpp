// One host as a running systemd: started by systemd-nspawn, found by its control group.
#pragma once
#include "base/result.hpp"
#include "lab/cgroups.hpp"
#include "lab/names.hpp"
#include "system/processes.hpp"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace tandem::lab {

struct Image {
  std::string root;    // read-only lower folder
  std::string archive; // bound at /srv/archive
  std::string wheels;  // bound at /srv/wheels when it exists
};

class Container {
public:
  Container(system::Processes& processes, Names names, const Host& host)
      : processes_(processes), names_(std::move(names)), host_(host) {}

  // Starts systemd and returns; its mounts lie in a mount namespace of its own and go with it. Needs the network.
  Result<void> start(const Image& image);
  // Waits until systemd says "running". Failed units, or a systemd that does not come up, are errors that show why.
  Result<void> wait_ready(std::chrono::milliseconds limit);

  // systemd's process as the lab machine sees it; nullopt when the host is off.
  [[nodiscard]] std::optional<pid_t> leader() const;
  // A command that runs on the host, as root or another user, with a server's clean environment; unavailable when off.
  [[nodiscard]] Result<std::vector<std::string>> inside(const std::vector<std::string>& arguments,
                                                        const std::optional<std::string>& user) const;

  Result<void> power_off(); // orderly, as at the power button
  Result<void> kill();      // at once
  Result<void> freeze();
  Result<void> thaw();
  [[nodiscard]] bool frozen() const;

private:
  [[nodiscard]] std::string console_tail() const;

  system::Processes& processes_;
  Names names_;
  Host host_;
};

} // namespace tandem::lab
