// The ports that work on a server needs, handed down together. References: main owns the real ones, tests own fakes.
#pragma once
#include "system/accounts.hpp"
#include "system/clock.hpp"
#include "system/databases.hpp"
#include "system/files.hpp"
#include "system/packages.hpp"
#include "system/processes.hpp"
#include "system/reach.hpp"
#include "system/services.hpp"
#include "system/uploads.hpp"

namespace tandem::system {

struct Ports {
  Files& files;
  Processes& processes;
  Services& services;
  Packages& packages;
  Accounts& accounts;
  Databases& databases;
  Clock& clock;
  Reach* reach = nullptr; // null: no other machine can be asked
  // A connection of its own for questions, which do not wait for what another thread starts or stops; null: the same.
  Services* questions = nullptr;
  Uploads* uploads = nullptr; // null: nobody uploads anything here
};

} // namespace tandem::system
