// The file "halt" in the run folder, by which root makes an agent stand still at one point, to rehearse what an
// interruption there would do. It holds the point's name, "STEP before" or "STEP after" of a runbook, "apply before N"
// or "apply after N" of an apply's Nth change, "deploy POINT" (sites::deploy_points), "database POINT"
// (sites::DatabaseWork), "rejoin POINT" of a database that goes back to the primary's (replication::rewind_points and
// copy_points); the agent goes on once it holds another one or is gone. Any thread.
#pragma once
#include "converge/apply.hpp"
#include "system/files.hpp"

#include <array>
#include <functional>
#include <string>

namespace tandem::agent {

class HaltFile {
public:
  HaltFile(system::Files& files, const std::string& run_folder) : files_(files), path_(run_folder + "/halt") {}

  [[nodiscard]] bool names(const std::string& point) const;
  // Whoever rehearses waits for this: "halted" beside it holds the point at which a run stands still.
  void tell(const std::string& point) const;

  [[nodiscard]] const std::string& path() const { return path_; }

private:
  system::Files& files_;
  std::string path_;
};

// Somebody who stands still where the file says so, on a thread of its own. `tell` hears that it stands and where;
// `ended` says when its waiting is to end with an error.
class Halting {
public:
  Halting(HaltFile file, std::function<void(const std::string&)> tell, std::function<bool()> ended)
      : file_(std::move(file)), tell_(std::move(tell)), ended_(std::move(ended)) {}

  // `where` is the point in words.
  [[nodiscard]] Result<void> at(const std::string& point, const std::string& where) const;

private:
  HaltFile file_;
  std::function<void(const std::string&)> tell_;
  std::function<bool()> ended_;
};

// What an apply asks on its thread.
struct ApplyPermission {
  std::function<Result<void>()> go_on; // before each change, or files that are checked together
  std::function<bool()> wait;          // before it waits for another program
};

// The points of one apply. Waits on the applying thread.
class ApplyHalts final : public converge::Halts {
public:
  ApplyHalts(Halting halting, ApplyPermission permission)
      : halting_(std::move(halting)), permission_(std::move(permission)) {}

  Result<void> reached(converge::Moment moment, const converge::Change& change) override;

  Result<void> may_go_on() override { return permission_.go_on(); }

  [[nodiscard]] bool may_wait() const override { return permission_.wait(); }

private:
  Halting halting_;
  ApplyPermission permission_;
  std::array<int, 2> changes_{}; // that have reached each moment
};

} // namespace tandem::agent
