#include "setup/ansible.hpp"

#include "base/text.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <set>

namespace tandem::bench {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Pipelining, a kept connection and cached facts: what makes Ansible as fast as it gets with its own means.
constexpr auto* settings = R"([defaults]
host_key_checking = False
gathering = smart
fact_caching = jsonfile
fact_caching_connection = {0}/facts
fact_caching_timeout = 86400
private_key_file = {1}
remote_user = root
nocows = True
nocolor = True
forks = 10
interpreter_python = /usr/bin/python3
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=600s -o UserKnownHostsFile=/dev/null
control_path_dir = {0}/ssh
)";

Result<void> write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path);
  file << text;
  return file.flush() ? Result<void>() : failed(fmt::format("{} cannot be written", path.string()));
}

// The names of one kind of resource: "file " gives the paths.
std::vector<std::string> of_kind(const std::vector<std::string>& ids, const std::string& kind) {
  std::vector<std::string> names;
  for (const auto& id : ids)
    if (id.starts_with(kind)) names.push_back(id.substr(kind.size()));
  return names;
}

class Server {
public:
  Server(lab::Lab& lab, std::string host) : lab_(lab), host_(std::move(host)) {}

  Result<std::vector<std::string>> words(std::vector<std::string> command, char between) {
    TANDEM_TRY(const auto text, lab_.run_checked(host_, std::move(command)));
    return split(trim(text), between);
  }

  // Mode, owner and group of each.
  Result<Json> attributes(const std::vector<std::string>& paths) {
    auto all = Json::array();
    for (const auto& path : paths) {
      TANDEM_TRY(const auto found, words({"stat", "-c", "0%a %U %G", path}, ' '));
      all.push_back({{"path", path}, {"mode", found.at(0)}, {"owner", found.at(1)}, {"group", found.at(2)}});
    }
    return all;
  }

  Result<Json> users(const std::vector<std::string>& names) {
    auto all = Json::array();
    for (const auto& name : names) {
      TANDEM_TRY(const auto entry, words({"getent", "passwd", name}, ':'));
      TANDEM_TRY(const auto group, words({"id", "-gn", name}, ' '));
      TANDEM_TRY(const auto groups, words({"id", "-Gn", name}, ' '));
      all.push_back({{"name", name},
                     {"uid", entry.at(2)},
                     {"group", group.at(0)},
                     {"groups", groups},
                     {"home", entry.at(5)},
                     {"shell", entry.at(6)}});
    }
    return all;
  }

  Result<Json> links(const std::vector<std::string>& paths) {
    auto all = Json::array();
    for (const auto& path : paths) {
      TANDEM_TRY(const auto target, lab_.run_checked(host_, {"readlink", path}));
      all.push_back({{"path", path}, {"target", std::string(trim(target))}});
    }
    return all;
  }

  // As they are now: a unit that is not enabled must not be, one that does not run is stopped.
  Result<Json> units(const std::vector<std::string>& names) {
    auto all = Json::array();
    for (const auto& name : names) {
      TANDEM_TRY(const auto enabled, lab_.run(host_, {"systemctl", "is-enabled", name}));
      TANDEM_TRY(const auto active, lab_.run(host_, {"systemctl", "is-active", name}));
      all.push_back({{"name", name},
                     {"enabled", trim(enabled.output) == "enabled"},
                     {"state", trim(active.output) == "active" ? "started" : "stopped"}});
    }
    return all;
  }

  Result<void> copy_files(const std::vector<std::string>& paths, const fs::path& folder) {
    for (const auto& path : paths) {
      const auto to = folder / host_ / path.substr(1);
      fs::create_directories(to.parent_path());
      TANDEM_CHECK(lab_.copy_out(host_, path, to));
    }
    return {};
  }

private:
  lab::Lab& lab_;
  std::string host_;
};

// What differs between the servers: who owns what, and which units run by the role.
Result<Json> variables_of(lab::Lab& lab, const std::string& host, const std::vector<std::string>& ids,
                          const fs::path& folder) {
  Server server(lab, host);
  const auto files = of_kind(ids, "file ");
  TANDEM_CHECK(server.copy_files(files, folder / "content"));
  TANDEM_TRY(auto folders, server.attributes(of_kind(ids, "folder ")));
  TANDEM_TRY(auto file_attributes, server.attributes(files));
  TANDEM_TRY(auto units, server.units(of_kind(ids, "unit ")));
  return Json{{"folders", std::move(folders)}, {"files", std::move(file_attributes)}, {"units", std::move(units)}};
}

Result<Json> common_variables(lab::Lab& lab, const std::vector<std::string>& ids,
                              const std::vector<std::string>& packages, const fs::path& folder) {
  Server server(lab, "uno");
  TANDEM_TRY(auto users, server.users(of_kind(ids, "user ")));
  TANDEM_TRY(auto links, server.links(of_kind(ids, "link ")));
  std::set<std::string> databases;
  for (const auto& name : of_kind(ids, "database "))
    if (!name.starts_with("grant ")) databases.insert(name.starts_with("role ") ? name.substr(5) : name);
  return Json{{"packages", packages},
              {"groups_wanted", of_kind(ids, "group ")},
              {"users", std::move(users)},
              {"absent", of_kind(ids, "absent ")},
              {"links", std::move(links)},
              {"database_names", databases},
              {"content", (folder / "content").string()}};
}

} // namespace

Result<Ansible> Ansible::describe(lab::Lab& lab, const ResourceIds& ids, const std::vector<std::string>& packages) {
  const fs::path folder = fs::path(TANDEM_SOURCE_DIR) / "build" / "bench" / "ansible";
  fs::remove_all(folder);
  fs::create_directories(folder / "ssh");
  TANDEM_CHECK(write(folder / "ansible.cfg", fmt::format(settings, folder.string(), lab.names().key_file())));
  TANDEM_CHECK(write(folder / "inventory", "[servers]\nuno ansible_host=10.77.0.11\nduo ansible_host=10.77.0.12\n"));
  for (const auto& [host, its] : ids) {
    TANDEM_TRY(const auto variables, variables_of(lab, host, its, folder));
    TANDEM_CHECK(write(folder / "host_vars" / (host + ".json"), variables.dump(1)));
  }
  TANDEM_TRY(const auto common, common_variables(lab, ids.at("uno"), packages, folder));
  TANDEM_CHECK(write(folder / "group_vars" / "servers.json", common.dump(1)));
  return Ansible(lab, folder);
}

Result<Ansible::Run> Ansible::run() {
  TANDEM_TRY(const auto outcome,
             lab_->run_in_network({"env", "ANSIBLE_CONFIG=" + folder_ + "/ansible.cfg", "ansible-playbook", "-i",
                                   folder_ + "/inventory", TANDEM_PLAYBOOK}));
  if (!outcome.ok())
    return failed(fmt::format("ansible-playbook ended with status {}: {}{}", outcome.status, outcome.errors,
                              outcome.output.substr(0, 4000)));
  Run run;
  for (const auto& line : split(outcome.output, '\n')) {
    const bool changed = line.starts_with("changed: [");
    run.changed += changed ? 1 : 0;
    run.items += changed || line.starts_with("ok: [") ? 1 : 0;
  }
  if (run.items == 0) return failed("ansible-playbook did nothing: " + outcome.output);
  return run;
}

} // namespace tandem::bench
