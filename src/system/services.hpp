// The port to systemd, over sd-bus. Unit names carry their suffix ("nginx.service").
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace tandem::system {

struct UnitStatus {
  std::string load;   // "loaded", "not-found", "masked", "error" …
  std::string active; // "active", "inactive", "failed", "activating", "deactivating", "reloading"
  std::string file;   // "enabled", "disabled", "static", "masked", "" when there is no unit file
  bool stale = false; // systemd wants a daemon-reload for it
  std::string sub;    // "running", "exited", "dead" …
  std::chrono::microseconds since{0}; // when it became active last, by the clock since the boot; 0: never
};

class Services {
public:
  virtual ~Services() = default;
  virtual Result<UnitStatus> status(const std::string& unit) = 0;
  // Each returns when systemd's job has ended; a job that failed is an error which quotes the unit's last log lines.
  virtual Result<void> start(const std::string& unit) = 0;
  virtual Result<void> stop(const std::string& unit) = 0;
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
  Result<void> start(const std::string& unit) override;
  Result<void> stop(const std::string& unit) override;
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
