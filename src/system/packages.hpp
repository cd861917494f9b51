// The port to Debian's packages: the dpkg database is read in process, changes go through apt-get.
#pragma once
#include "base/result.hpp"
#include "system/processes.hpp"

#include <map>
#include <string>
#include <vector>

namespace tandem::system {

class Packages {
public:
  virtual ~Packages() = default;
  // Package name -> version, of all packages whose state is "install ok installed".
  virtual Result<std::map<std::string, std::string>> installed() = 0;
  // apt-get install without recommended packages and without questions; keeps existing configuration files.
  virtual Result<void> install(const std::vector<std::string>& names, const LineSink& on_line) = 0;
};

// The text of /var/lib/dpkg/status -> installed packages. Pure; tolerates unknown fields.
std::map<std::string, std::string> parse_dpkg_status(const std::string& text);

class DebianPackages final : public Packages {
public:
  explicit DebianPackages(Processes& processes) : processes_(processes) {}

  Result<std::map<std::string, std::string>> installed() override;
  Result<void> install(const std::vector<std::string>& names, const LineSink& on_line) override;

private:
  Processes& processes_;
};

} // namespace tandem::system
