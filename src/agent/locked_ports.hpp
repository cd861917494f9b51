// Ports that keep one connection (systemd, PostgreSQL) made usable from many threads: one call at a time each.
#pragma once
#include "system/ports.hpp"

#include <functional>
#include <mutex>

namespace tandem::agent {

class LockedServices final : public system::Services {
public:
  // `questions`: answers while the other one works; null: it is the same.
  explicit LockedServices(system::Services& services, system::Services* questions = nullptr)
      : services_(services), questions_(questions == nullptr ? services : *questions) {}

  Result<system::UnitStatus> status(const std::string& unit) override {
    const std::lock_guard lock(asking());
    return questions_.status(unit);
  }

  Result<std::vector<system::LoadedUnit>> loaded(const std::string& pattern) override {
    const std::lock_guard lock(asking());
    return questions_.loaded(pattern);
  }

  Result<void> start(const std::string& unit) override { return locked(&Services::start, unit); }

  Result<void> stop(const std::string& unit) override { return locked(&Services::stop, unit); }

  Result<void> begin(system::UnitDeed deed, const std::string& unit) override {
    const std::lock_guard lock(mutex_);
    return services_.begin(deed, unit);
  }

  Result<void> signal(const std::string& unit, int number) override {
    const std::lock_guard lock(mutex_);
    return services_.signal(unit, number);
  }

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

  std::mutex& asking() { return &questions_ == &services_ ? mutex_ : questions_mutex_; }

  std::mutex mutex_;
  system::Services& services_; // guarded by mutex_
  std::mutex questions_mutex_;
  system::Services& questions_; // guarded by asking()
};

// The same for whoever may start services only as long as somebody says so: asked under the lock, so that a stop which
// is asked for after the answer has changed comes last. The answer must not need these services itself.
class AllowedServices final : public system::Services {
public:
  AllowedServices(LockedServices& services, std::function<Result<void>()> allowed)
      : all_(services), allowed_(std::move(allowed)) {}

  Result<system::UnitStatus> status(const std::string& unit) override { return all_.status(unit); }

  Result<std::vector<system::LoadedUnit>> loaded(const std::string& pattern) override { return all_.loaded(pattern); }

  Result<void> start(const std::string& unit) override { return if_allowed(&Services::start, unit); }

  Result<void> stop(const std::string& unit) override { return all_.stop(unit); }

  Result<void> begin(system::UnitDeed deed, const std::string& unit) override {
    const std::lock_guard lock(all_.mutex_);
    if (deed != system::UnitDeed::stop) TANDEM_CHECK(allowed_());
    return all_.services_.begin(deed, unit);
  }

  Result<void> signal(const std::string& unit, int number) override { return all_.signal(unit, number); }

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
