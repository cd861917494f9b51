// What Debian's unattended-upgrade may install, and that its own timer leaves the when to the agents: these see to it
// that no two servers are updated at once.
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

// Read after Debian's own 20auto-upgrades and 50unattended-upgrades (apt.conf(5)); the codename is put in by
// unattended-upgrade itself.
constexpr auto* updates_path = "/etc/apt/apt.conf.d/60tandem";
constexpr auto* updates_text = R"(APT::Periodic::Unattended-Upgrade "0";
#clear Unattended-Upgrade::Allowed-Origins;
#clear Unattended-Upgrade::Origins-Pattern;
Unattended-Upgrade::Origins-Pattern {
  "origin=Debian,codename=${distro_codename},label=Debian-Security";
  "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";
};
Unattended-Upgrade::Automatic-Reboot "false";
Unattended-Upgrade::MinimalSteps "true";
)";

} // namespace

void add_updates(Resources& out, const View& view) {
  const std::string why = "[host] security_updates";
  if (!view.pair.host.security_updates) {
    out.push_back({.kind = converge::Absent{updates_path}, .why = why});
    return;
  }
  // apt's comments begin otherwise than those of header().
  out.push_back({.kind = converge::File{.path = updates_path,
                                        .content = std::string("// By tandem, from tandem.toml.\n") + updates_text},
                 .why = why,
                 .after = {"packages"}});
}

} // namespace tandem::setup
