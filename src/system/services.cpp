#include "system/services.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <systemd/sd-bus.h>

namespace tandem::system {

namespace {

constexpr auto* destination = "org.freedesktop.systemd1";
constexpr auto* manager_path = "/org/freedesktop/systemd1";
constexpr auto* manager = "org.freedesktop.systemd1.Manager";
constexpr auto* unit_interface = "org.freedesktop.systemd1.Unit";
constexpr auto* service_interface = "org.freedesktop.systemd1.Service";
constexpr auto job_limit = std::chrono::minutes(5);

struct BusError {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  BusError() = default;
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;

  ~BusError() { sd_bus_error_free(&error); }

  [[nodiscard]] std::unexpected<Error> within(const std::string& what, int code) const {
    const std::string said = error.message != nullptr ? error.message : std::generic_category().message(-code);
    return failed(what + ": " + said);
  }
};

struct Message {
  sd_bus_message* message = nullptr;
  Message() = default;
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  ~Message() { sd_bus_message_unref(message); }
};

// How the job ended that is waited for, by its object path. Those of everybody else are none of ours.
struct FinishedJobs {
  std::string awaited;
  std::map<std::string, std::string> results;

  static int on_removed(sd_bus_message* message, void* data, sd_bus_error* /*unused*/) {
    std::uint32_t id = 0;
    const char* job = nullptr;
    const char* unit = nullptr;
    const char* result = nullptr;
    auto* jobs = static_cast<FinishedJobs*>(data);
    if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) >= 0 && jobs->awaited == job)
      jobs->results[job] = result;
    return 0;
  }
};

} // namespace

struct SystemdServices::Bus {
  sd_bus* bus = nullptr;
  sd_bus_slot* slot = nullptr;
  FinishedJobs finished;
  std::deque<std::pair<std::string, std::string>> kept_loaded; // units and their paths, the oldest first; systemd lets
                                                               // go of them with the connection

  ~Bus() { close(); }

  void close() {
    slot = sd_bus_slot_unref(slot);
    bus = sd_bus_flush_close_unref(bus);
    finished.results.clear();
    kept_loaded.clear();
  }

  Result<void> open() {
    // What systemd has told of other jobs since would pile up, until the connection takes no answer any more.
    while (bus != nullptr && sd_bus_process(bus, nullptr) > 0) {
    }
    if (bus != nullptr && sd_bus_is_open(bus) > 0) return {};
    close();
    int code = sd_bus_open_system(&bus);
    if (code < 0)
      return fail(ErrorKind::unavailable,
                  "connecting to systemd over the system bus: " + std::generic_category().message(-code));
    code = sd_bus_match_signal(bus, &slot, destination, manager_path, manager, "JobRemoved", FinishedJobs::on_removed,
                               &finished);
    if (code >= 0)
      code = sd_bus_call_method(bus, destination, manager_path, manager, "Subscribe", nullptr, nullptr, "");
    if (code < 0) {
      close();
      return failed("subscribing to systemd's signals: " + std::generic_category().message(-code));
    }
    return {};
  }

  Result<std::string> property(const std::string& unit_path, const char* name, const std::string& unit) {
    BusError error;
    char* value = nullptr;
    const int code =
        sd_bus_get_property_string(bus, destination, unit_path.c_str(), unit_interface, name, &error.error, &value);
    if (code < 0) return error.within("reading " + std::string(name) + " of " + unit, code);
    std::string text = value;
    std::free(value); // sd-bus allocates it with malloc
    return text;
  }

  Result<std::string> load_unit(const std::string& unit) {
    TANDEM_CHECK(open());
    BusError error;
    Message reply;
    const char* path = nullptr;
    int code = sd_bus_call_method(bus, destination, manager_path, manager, "LoadUnit", &error.error, &reply.message,
                                  "s", unit.c_str());
    if (code >= 0) code = sd_bus_message_read(reply.message, "o", &path);
    if (code < 0) return error.within("asking systemd for " + unit, code);
    std::string found = path;
    keep_loaded(unit, found);
    return found;
  }

  // systemd forgets a unit that does not run as soon as it has answered, so each question would make it read the unit's
  // files anew and tell every listener of it. One that wants to be forgotten when it has ended (CollectMode=) is. Best
  // effort.
  void keep_loaded(const std::string& unit, const std::string& path) {
    constexpr std::size_t most_kept = 32;
    if (std::ranges::find(kept_loaded, unit, &std::pair<std::string, std::string>::first) != kept_loaded.end()) return;
    if (const auto mode = property(path, "CollectMode", unit); !mode || *mode != "inactive") return;
    if (sd_bus_call_method(bus, destination, path.c_str(), unit_interface, "Ref", nullptr, nullptr, "") < 0) return;
    kept_loaded.emplace_back(unit, path);
    if (kept_loaded.size() <= most_kept) return;
    sd_bus_call_method(bus, destination, kept_loaded.front().second.c_str(), unit_interface, "Unref", nullptr, nullptr,
                       "");
    kept_loaded.pop_front();
  }

  // The job's path.
  Result<std::string> queue_job(const char* method, const std::string& unit, const std::string& doing) {
    TANDEM_CHECK(open());
    BusError error;
    Message reply;
    const char* path = nullptr;
    int code = sd_bus_call_method(bus, destination, manager_path, manager, method, &error.error, &reply.message, "ss",
                                  unit.c_str(), "replace");
    if (code >= 0) code = sd_bus_message_read(reply.message, "o", &path);
    if (code < 0) return error.within(doing + " " + unit, code);
    return std::string(path);
  }

  // Waits for the job's end; systemd's own time-outs of the unit bound it well below job_limit.
  Result<void> run_job(const char* method, const std::string& unit, const std::string& doing) {
    TANDEM_TRY(const auto job, queue_job(method, unit, doing));
    return wait_for(job, unit, doing);
  }

  Result<std::vector<LoadedUnit>> list(const std::string& pattern) {
    TANDEM_CHECK(open());
    BusError error;
    Message reply;
    int code = sd_bus_call_method(bus, destination, manager_path, manager, "ListUnitsByPatterns", &error.error,
                                  &reply.message, "asas", 0, 1, pattern.c_str());
    if (code >= 0) code = sd_bus_message_enter_container(reply.message, 'a', "(ssssssouso)");
    std::vector<LoadedUnit> units;
    while (code >= 0) {
      const char* name = nullptr;
      const char* load = nullptr;
      const char* active = nullptr;
      const char* sub = nullptr;
      std::uint32_t job = 0;
      code = sd_bus_message_read(reply.message, "(ssssssouso)", &name, nullptr, &load, &active, &sub, nullptr, nullptr,
                                 &job, nullptr, nullptr);
      if (code == 0) return units;
      if (code > 0) units.push_back({name, load, active, sub, job != 0});
    }
    return error.within("asking systemd for " + pattern, code);
  }

  Result<void> wait_for(const std::string& job, const std::string& unit, const std::string& doing) {
    const auto limit = std::chrono::steady_clock::now() + job_limit;
    finished.awaited = job;
    while (!finished.results.contains(job)) {
      if (std::chrono::steady_clock::now() > limit)
        return failed(doing + " " + unit + ": systemd did not finish within five minutes");
      int code = sd_bus_process(bus, nullptr);
      if (code == 0) code = sd_bus_wait(bus, 1'000'000);
      if (code < 0 && code != -EINTR) {
        close();
        return failed(doing + " " + unit + ": lost the connection to systemd");
      }
    }
    const auto result = finished.results.extract(job).mapped();
    if (result == "done" || result == "skipped") return {};
    return failed(doing + " " + unit + ": systemd says " + result, "See: journalctl -n 30 -u " + unit);
  }

  Result<void> kill(const std::string& unit, int number) {
    TANDEM_CHECK(open());
    BusError error;
    const int code = sd_bus_call_method(bus, destination, manager_path, manager, "KillUnit", &error.error, nullptr,
                                        "ssi", unit.c_str(), "main", number);
    if (code >= 0 || code == -ESRCH || sd_bus_error_has_name(&error.error, "org.freedesktop.systemd1.NoSuchUnit") > 0)
      return {}; // it has ended
    return error.within("sending a signal to " + unit, code);
  }

  Result<void> change_files(const char* method, const std::string& unit, bool with_force) {
    TANDEM_CHECK(open());
    BusError error;
    const int code = with_force ? sd_bus_call_method(bus, destination, manager_path, manager, method, &error.error,
                                                     nullptr, "asbb", 1, unit.c_str(), 0, 0)
                                : sd_bus_call_method(bus, destination, manager_path, manager, method, &error.error,
                                                     nullptr, "asb", 1, unit.c_str(), 0);
    if (code < 0) return error.within(std::string(method) + " " + unit, code);
    return reload();
  }

  Result<void> reload() {
    TANDEM_CHECK(open());
    BusError error;
    Message call;
    int code = sd_bus_message_new_method_call(bus, &call.message, destination, manager_path, manager, "Reload");
    if (code >= 0) code = sd_bus_call(bus, call.message, 120'000'000, &error.error, nullptr);
    if (code < 0) return error.within("making systemd read its unit files again", code);
    return {};
  }
};

SystemdServices::SystemdServices() : bus_(std::make_unique<Bus>()) {}

SystemdServices::~SystemdServices() = default;

Result<UnitStatus> SystemdServices::status(const std::string& unit) {
  TANDEM_TRY(const auto path, bus_->load_unit(unit));
  UnitStatus status;
  TANDEM_TRY(status.load, bus_->property(path, "LoadState", unit));
  TANDEM_TRY(status.active, bus_->property(path, "ActiveState", unit));
  TANDEM_TRY(status.sub, bus_->property(path, "SubState", unit));
  TANDEM_TRY(status.file, bus_->property(path, "UnitFileState", unit));
  BusError error;
  int stale = 0;
  const int code = sd_bus_get_property_trivial(bus_->bus, destination, path.c_str(), unit_interface, "NeedDaemonReload",
                                               &error.error, 'b', &stale);
  if (code < 0) return error.within("reading NeedDaemonReload of " + unit, code);
  status.stale = stale != 0;
  std::uint64_t since = 0;
  const int known = sd_bus_get_property_trivial(bus_->bus, destination, path.c_str(), unit_interface,
                                                "ActiveEnterTimestampMonotonic", &error.error, 't', &since);
  if (known < 0) return error.within("reading ActiveEnterTimestampMonotonic of " + unit, known);
  status.since = std::chrono::microseconds(since);
  if (!unit.ends_with(".service")) return status;
  const int told = sd_bus_get_property_trivial(bus_->bus, destination, path.c_str(), service_interface, "MainPID",
                                               &error.error, 'u', &status.main_process);
  if (told < 0) return error.within("reading MainPID of " + unit, told);
  return status;
}

Result<void> SystemdServices::start(const std::string& unit) {
  return bus_->run_job("StartUnit", unit, "starting");
}

Result<void> SystemdServices::stop(const std::string& unit) {
  return bus_->run_job("StopUnit", unit, "stopping");
}

Result<void> SystemdServices::begin(UnitDeed deed, const std::string& unit) {
  const auto queued = deed == UnitDeed::start  ? bus_->queue_job("StartUnit", unit, "starting")
                      : deed == UnitDeed::stop ? bus_->queue_job("StopUnit", unit, "stopping")
                                               : bus_->queue_job("RestartUnit", unit, "restarting");
  return queued ? Result<void>() : std::unexpected(queued.error());
}

Result<void> SystemdServices::signal(const std::string& unit, int number) {
  return bus_->kill(unit, number);
}

Result<std::vector<LoadedUnit>> SystemdServices::loaded(const std::string& pattern) {
  return bus_->list(pattern);
}

Result<void> SystemdServices::restart(const std::string& unit) {
  return bus_->run_job("RestartUnit", unit, "restarting");
}

Result<void> SystemdServices::reload(const std::string& unit) {
  return bus_->run_job("ReloadOrRestartUnit", unit, "reloading");
}

Result<void> SystemdServices::enable(const std::string& unit) {
  return bus_->change_files("EnableUnitFiles", unit, true);
}

Result<void> SystemdServices::disable(const std::string& unit) {
  return bus_->change_files("DisableUnitFiles", unit, false);
}

Result<void> SystemdServices::reload_manager() {
  return bus_->reload();
}

} // namespace tandem::system
