// What work on sites needs: the ports and the places.
#pragma once
#include "sites/layout.hpp"
#include "system/applications.hpp"
#include "system/ports.hpp"

#include <functional>
#include <string>

namespace tandem::sites {

struct Tools {
  system::Ports ports;
  system::Applications& applications;
  Layout layout;
  std::string database_unit = {}; // PostgreSQL's, to which applications hold connections; empty: not known
};

// Told what is being done, line by line, for a person; secrets are taken out before.
using Progress = std::function<void(const std::string& line)>;

} // namespace tandem::sites
