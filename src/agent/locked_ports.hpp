// Ports that keep one connection (systemd, PostgreSQL) made usable from many threads: one call at a time each.
#pragma once
#include "system/ports.hpp"

#include <functional>
#include <mutex>

namespace tandem::agent {

class LockedServices final : public system::Services {
public:
  explicit LockedServices(system::Services& services) : services_(services) {}

  Result<system::UnitStatus> status(const std::string& unit) override { return locked(&Services::status, unit); }

  Result<void> start(const std::string& unit) override { return locked(&Services::start, unit); }

  Result<void> stop(const std::string& unit) override { return locked(&Services::stop, unit); }

  Result<void> restart(const std::string& unit) override { return locked(&Services::restart, unit); }

  Result<void> reload(const std::string& unit) override { return locked(&Services::reload, unit); }

  Result<void> enable(const std::string& unit) override { return locked(&Services::enable, unit); }

  Result<void> disable(const std::string& unit) override { return locked(&Services::disable, unit); }

  Result<void> reload_manager() override {
    const std::lock_guard lock(mutex_);
    return services_.reload_manager();
  }

private:
  friend class AllowedServices;

  template <class T>
  Result<T> locked(Result<T> (Services::*method)(const std::string&), const std::string& unit) {
    const std::lock_guard lock(mutex_);
    return (services_.*method)(unit);
  }

  std::mutex mutex_;
  system::Services& services_; // guarded by mutex_
};

// The same for whoever may start services only as long as somebody says so: asked under the lock, so that a stop which
// is asked for after the answer has changed comes last. The answer must not need these services itself.
class AllowedServices final : public system::Services {
public:
  AllowedServices(LockedServices& services, std::function<Result<void>()> allowed)
      : all_(services), allowed_(std::move(allowed)) {}

  Result<system::UnitStatus> status(const std::string& unit) override { return all_.status(unit); }

  Result<void> start(const std::string& unit) override { return if_allowed(&Services::start, unit); }

  Result<void> stop(const std::string& unit) override { return all_.stop(unit); }

  Result<void> restart(const std::string& unit) override { return if_allowed(&Services::restart, unit); }

  Result<void> reload(const std::string& unit) override { return if_allowed(&Services::reload, unit); }

  Result<void> enable(const std::string& unit) override { return all_.enable(unit); }

  Result<void> disable(const std::string& unit) override { return all_.disable(unit); }

  Result<void> reload_manager() override { return all_.reload_manager(); }

private:
  Result<void> if_allowed(Result<void> (Services::*method)(const std::string&), const std::string& unit) {
    const std::lock_guard lock(all_.mutex_);
    TANDEM_CHECK(allowed_());
    return (all_.services_.*method)(unit);
  }

  LockedServices& all_;
  std::function<Result<void>()> allowed_;
};

class LockedDatabases final : public system::Databases {
public:
  explicit LockedDatabases(system::Databases& databases) : databases_(databases) {}

  Result<std::vector<system::Row>> query(const std::string& database, const std::string& statement,
                                         const std::vector<std::string>& parameters) override {
    const std::lock_guard lock(mutex_);
    return databases_.query(database, statement, parameters);
  }

private:
  std::mutex mutex_;
  system::Databases& databases_; // guarded by mutex_
};

} // namespace tandem::agent
