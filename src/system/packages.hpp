// The port to Debian's packages: the dpkg database is read in process, changes go through apt-get.
#pragma once
#include "base/result.hpp"
#include "system/processes.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tandem::system {

class Packages {
public:
  virtual ~Packages() = default;
  // Package name -> version, of all packages whose state is "install ok installed".
  virtual Result<std::map<std::string, std::string>> installed() = 0;
  // apt-get install without recommended packages and without questions; keeps existing configuration files, and takes
  // no package away. Waits for another apt or dpkg that is at work, and says so; unavailable, naming it, when it goes
  // on for too long or `may_wait`, asked before each wait, says no. Empty: it may.
  virtual Result<void> install(const std::vector<std::string>& names, const LineSink& on_line,
                               const std::function<bool()>& may_wait) = 0;
};

// The text of /var/lib/dpkg/status -> installed packages. Pure; tolerates unknown fields.
std::map<std::string, std::string> parse_dpkg_status(const std::string& text);

// Who holds the lock that kept apt-get or dpkg from its work, by the errors it ended with: "process 293 (apt-get)".
std::optional<std::string> lock_holder(const std::string& errors);

class DebianPackages final : public Packages {
public:
  explicit DebianPackages(Processes& processes, std::chrono::milliseconds between_tries = std::chrono::seconds(2))
      : processes_(processes), between_tries_(between_tries) {}

  Result<std::map<std::string, std::string>> installed() override;
  Result<void> install(const std::vector<std::string>& names, const LineSink& on_line,
                       const std::function<bool()>& may_wait) override;

private:
  Result<void> run_free(const Command& command, const LineSink& on_line, const std::function<bool()>& may_wait);

  Processes& processes_;
  std::chrono::milliseconds between_tries_;
};

} // namespace tandem::system
