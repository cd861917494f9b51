#include "lab/names.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cctype>

namespace tandem::lab {

Result<Host> find_host(std::string_view name) {
  const auto* found = std::ranges::find(hosts, name, &Host::name);
  if (found != hosts.end()) return *found;
  return fail(ErrorKind::not_found, "the lab has no host " + std::string(name), "Its hosts are uno, duo and tre.");
}

Result<Names> Names::of(const std::string& lab) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; };
  if (lab.empty() || lab.size() > 24 || lab.front() == '-' || !std::ranges::all_of(lab, allowed))
    return fail(ErrorKind::invalid, "\"" + lab + "\" is no name for a lab",
                "Take at most 24 letters, digits and dashes.");
  return Names(lab);
}

std::string Names::all_labs() {
  return "/var/tmp/tandem-lab"; // a real file system that survives a reboot; overlayfs does not nest on itself
}

std::string Names::folder() const {
  return all_labs() + "/" + lab_;
}

std::string Names::state_file() const {
  return folder() + "/lab.json";
}

std::string Names::lock_file() const {
  return folder() + "/lock";
}

std::string Names::key_file() const {
  return folder() + "/id_ed25519";
}

std::string Names::snapshot(const std::string& name) const {
  return folder() + "/snapshots/" + name;
}

std::string Names::host_folder(std::string_view host) const {
  return folder() + "/hosts/" + std::string(host);
}

std::string Names::network() const {
  return "tandem-lab-" + lab_;
}

std::string Names::network_file() const {
  return "/run/netns/" + network();
}

std::string Names::cgroup() const {
  return "tandem-lab/" + lab_;
}

std::string Names::cgroup(std::string_view host) const {
  return cgroup() + "/" + std::string(host);
}

std::string Names::port(std::string_view host) {
  return "vb-" + std::string(host); // systemd-nspawn's own choice for --machine=HOST
}

} // namespace tandem::lab
