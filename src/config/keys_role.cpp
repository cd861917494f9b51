// [role], [role.etcd].
#include "config/binding.hpp"
#include "config/rules.hpp"

namespace tandem::config {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const std::vector<std::string> authorities = {"operator", "etcd"};
const std::vector<std::string> standby_modes = {"warm", "cold"};

model::RoleSettings& role(model::Pair& pair) {
  return pair.role;
}

model::Etcd& etcd(model::Pair& pair) {
  return *pair.role.etcd;
}

} // namespace

Keys role_keys() {
  using model::Etcd;
  using model::RoleSettings;
  return {
      table("role", "How a server becomes primary."),
      value("role.authority", choice(authorities), choose(role, &RoleSettings::authority, authorities),
            "who may change the primary: a person only, or the lease in an etcd cluster of three")
          .later_for({"etcd"}),
      value("role.standby", choice(standby_modes), choose(role, &RoleSettings::standby, standby_modes),
            "what runs on a standby: the sites' applications too, unseen by visitors, or not"),
      value("role.fence", arguments(), at(role, &RoleSettings::fence),
            "a program that switches a server off, with its arguments; the server's name is added as the last one"),
      value("role.drain", duration(seconds(1), minutes(10)), at(role, &RoleSettings::drain),
            "the longest wait for requests in flight"),
      value("role.hold", duration(seconds(2), minutes(30)), at(role, &RoleSettings::hold),
            "the longest that a visitor is kept waiting; more than `drain`"),
      value("role.rehearse", duration(hours(1), hours(24 * 365)), at(role, &RoleSettings::rehearse),
            "how often the standby proves itself; not given: never")
          .later(),

      table("role.etcd", role, &RoleSettings::etcd, "The cluster that keeps the primary's lease.").later(),
      value("role.etcd.endpoints", set(rules::https_url), at(etcd, &Etcd::endpoints), "its members").required().later(),
      value("role.etcd.lease", duration(seconds(2), minutes(10)), at(etcd, &Etcd::lease), "how long the lease lasts")
          .later(),
      value("role.etcd.ca_file", secret_file(), at(etcd, &Etcd::ca_file), "what its members are checked by").later(),
      value("role.etcd.cert_file", secret_file(), at(etcd, &Etcd::cert_file), "tandem's own certificate").later(),
      value("role.etcd.key_file", secret_file(), at(etcd, &Etcd::key_file), "the key of that certificate").later(),
  };
}

} // namespace tandem::config
