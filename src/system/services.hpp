// The port to systemd, over sd-bus. Unit names carry their suffix ("nginx.service").
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace tandem::system {

struct UnitStatus {
  std::string load;                   // "loaded", "not-found", "masked", "error" …
  std::string active;                 // "active", "inactive", "failed", "activating", "deactivating", "reloading"
  std::string file;                   // "enabled", "disabled", "static", "masked", "" when there is no unit file
  bool stale = false;                 // systemd wants a daemon-reload for it
  std::string sub;                    // "running", "exited", "dead" …
  std::chrono::microseconds since{0}; // when it became active last, by the clock since the boot; 0: never
  std::uint32_t main_process = 0;     // of a service that runs
};

// One of the units that systemd has loaded.
struct LoadedUnit {
  std::string name;
  std::string load; // these three as in UnitStatus
  std::string active;
  std::string sub;
  bool queued = false; // systemd has yet to do something with it
  bool operator==(const LoadedUnit&) const = default;
};

enum class UnitDeed { start, stop, restart };

class Services {
public:
  virtual ~Services() = default;
  virtual Result<UnitStatus> status(const std::string& unit) = 0;
  // Those whose names fit a shell pattern ("tandem-job-*.service"): what runs or has failed is loaded.
  virtual Result<std::vector<LoadedUnit>> loaded(const std::string& pattern) = 0;
  // Each returns when systemd's job has ended; a job that failed is an error which quotes the unit's last log lines.
  virtual Result<void> start(const std::string& unit) = 0;
  virtual Result<void> stop(const std::string& unit) = 0;
  // Asks systemd for it and returns at once; what comes of it, status() tells.
  virtual Result<void> begin(UnitDeed deed, const std::string& unit) = 0;
  // Sends a signal to its main process, if it has one.
  virtual Result<void> signal(const std::string& unit, int number) = 0;
  virtual Result<void> restart(const std::string& unit) = 0;
  virtual Result<void> reload(const std::string& unit) = 0; // reload, or restart when it cannot
  virtual Result<void> enable(const std::string& unit) = 0; // at boot; does not start it
  virtual Result<void> disable(const std::string& unit) = 0;
  virtual Result<void> reload_manager() = 0; // systemctl daemon-reload
};

// One connection to the system bus, opened at first use and again after it was lost. One thread at a time.
class SystemdServices final : public Services {
public:
  SystemdServices();
  ~SystemdServices() override;
  Result<UnitStatus> status(const std::string& unit) override;
  Result<std::vector<LoadedUnit>> loaded(const std::string& pattern) override;
  Result<void> start(const std::string& unit) override;
  Result<void> stop(const std::string& unit) override;
  Result<void> begin(UnitDeed deed, const std::string& unit) override;
  Result<void> signal(const std::string& unit, int number) override;
  Result<void> restart(const std::string& unit) override;
  Result<void> reload(const std::string& unit) override;
  Result<void> enable(const std::string& unit) override;
  Result<void> disable(const std::string& unit) override;
  Result<void> reload_manager() override;

private:
  struct Bus;
  std::unique_ptr<Bus> bus_;
};

} // namespace tandem::system
