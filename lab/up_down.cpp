// How a lab comes and goes. Everything that `down` must find lies where the lab's name says, and is made below the
// lab's folder, control group and namespace only; so an interrupted `up` needs no record to be undone.
#include "lab/base.hpp"
#include "lab/host_files.hpp"
#include "lab/lab.hpp"
#include "lab/lock.hpp"
#include "lab/machine.hpp"
#include "system/files.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <future>

namespace tandem::lab {

namespace fs = std::filesystem;

namespace {

constexpr int state_version = 1;

Result<Lock> lock_lab(const Names& names) {
  std::error_code error;
  fs::create_directories(names.folder(), error);
  if (error) return failed("cannot make " + names.folder() + ": " + error.message());
  // What a killed one has just forked holds the lock for it until it becomes another program.
  auto lock = Lock::take(names.lock_file(), std::chrono::seconds(2));
  if (!lock) return std::unexpected(std::move(lock).error().within("lab " + names.lab()));
  return lock;
}

// Everything but the lock file, which is held.
Result<void> remove_contents(const Names& names) {
  Tools tools;
  TANDEM_TRY(const auto all, Cgroup::at(names.cgroup()));
  TANDEM_CHECK(all.kill());
  TANDEM_CHECK(all.remove());
  TANDEM_CHECK(Network(tools, names).remove());
  system::LinuxFiles files;
  TANDEM_TRY(const auto entries, files.list(names.folder()));
  for (const auto& entry : entries)
    if (names.folder() + "/" + entry != names.lock_file())
      TANDEM_CHECK(files.remove_tree(names.folder() + "/" + entry));
  return {};
}

// Runs the work for every host at the same time; the first error, if any.
Result<void> on_all_hosts(const std::function<Result<void>(const Host&)>& work) {
  std::vector<std::future<Result<void>>> running;
  for (const auto& host : hosts)
    running.push_back(std::async(std::launch::async, work, host));
  Result<void> result;
  for (auto& one : running)
    if (auto done = one.get(); !done && result) result = done;
  return result;
}

} // namespace

Result<Lab> Lab::up(const Options& options, const Progress& progress) {
  Tools machine;
  TANDEM_CHECK(check_root());
  TANDEM_CHECK(check_namespaces(machine));
  TANDEM_TRY(const auto names, Names::of(options.name));
  TANDEM_TRY(const auto lock, lock_lab(names));
  if (auto existing = load(names); existing && !options.fresh) {
    if (existing->release() != options.release)
      return fail(ErrorKind::refused, "lab " + names.lab() + " exists with " + existing->release(),
                  "Take it down, or say --fresh to make it anew with " + options.release + ".");
    Tools tools;
    TANDEM_CHECK(Network(tools, names).make()); // gone after a reboot of the machine
    TANDEM_CHECK(existing->boot_all(progress));
    return existing;
  }
  TANDEM_CHECK(remove_contents(names)); // of an old or an interrupted one
  return make(names, options, progress);
}

Result<Lab> Lab::make(const Names& names, const Options& options, const Progress& progress) {
  TANDEM_CHECK(check_room_for_lab(options.release));
  TANDEM_TRY(const auto base, prepare_base(options.release, progress));
  Lab lab(names, options.release, {base.bare_root, base.archive, wheels_folder(options.release)},
          {base.outside_root, base.archive, wheels_folder(options.release)});
  progress("making the hosts of lab " + names.lab());
  TANDEM_CHECK(make_lab_key(names));
  TANDEM_CHECK(on_all_hosts([&](const Host& host) { return make_host_files(names, host); }));
  TANDEM_CHECK(Network(*lab.tools_, names).make());
  TANDEM_CHECK(lab.save()); // before the boot: whoever boots wrongly can then be looked at
  TANDEM_CHECK(lab.boot_all(progress));
  return lab;
}

Result<void> Lab::boot_all(const Progress& progress) {
  progress("booting uno, duo and tre (" + release_ + ")");
  return on_all_hosts([this](const Host& host) { return boot(std::string(host.name)); });
}

Result<void> Lab::stop_all() {
  return on_all_hosts([this](const Host& host) { return power_off(std::string(host.name)); });
}

Result<void> Lab::save() const {
  const nlohmann::json state{{"version", state_version},
                             {"release", release_},
                             {"bare_root", bare_.root},
                             {"outside_root", outside_.root},
                             {"archive", bare_.archive}};
  system::LinuxFiles files;
  return files.write(names_.state_file(), state.dump(2) + "\n", 0644, {});
}

Result<Lab> Lab::load(const Names& names) {
  system::LinuxFiles files;
  const auto text = files.read(names.state_file());
  if (!text)
    return fail(ErrorKind::not_found, "there is no lab " + names.lab(), "Make it: tandem-lab up --name " + names.lab());
  const auto state = nlohmann::json::parse(*text, nullptr, false);
  const auto value = [&](const char* key) {
    return state.is_object() && state.contains(key) && state[key].is_string() ? state[key].get<std::string>() : "";
  };
  if (state.is_discarded() || state.value("version", 0) != state_version || value("bare_root").empty())
    return failed("the state of lab " + names.lab() + " in " + names.state_file() + " cannot be read",
                  "Make it anew: tandem-lab up --fresh --name " + names.lab());
  const auto wheels = wheels_folder(value("release"));
  return Lab(names, value("release"), {value("bare_root"), value("archive"), wheels},
             {value("outside_root"), value("archive"), wheels});
}

Result<Lab> Lab::open(const std::string& name) {
  TANDEM_CHECK(check_root());
  TANDEM_TRY(const auto names, Names::of(name));
  return load(names);
}

Result<void> Lab::down(const std::string& name, const Progress& progress) {
  TANDEM_CHECK(check_root());
  TANDEM_TRY(const auto names, Names::of(name));
  const bool exists = fs::exists(names.folder());
  {
    TANDEM_TRY(const auto lock, lock_lab(names)); // given back after its file is gone, so that nobody waits for it
    if (exists) progress("taking lab " + name + " down");
    TANDEM_CHECK(remove_contents(names));
    remove_unfinished_builds();
    system::LinuxFiles files;
    TANDEM_CHECK(files.remove_tree(names.folder()));
  }
  // The shared parents go with the last lab.
  ::rmdir(Names::all_labs().c_str());
  if (const auto parent = Cgroup::at("tandem-lab")) parent->remove_if_empty();
  return {};
}

} // namespace tandem::lab
