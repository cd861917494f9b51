// [pair], [host], [[server]], [[user]].
#include "config/binding.hpp"
#include "config/rules.hpp"

namespace tandem::config {

namespace {

model::Host& host(model::Pair& pair) {
  return pair.host;
}

model::Server& server(model::Pair& pair) {
  return pair.servers.back();
}

model::User& user(model::Pair& pair) {
  return pair.users.back();
}

Keys host_keys() {
  using model::Host;
  return {
      table("host", "What is the same on every server."),
      value("host.timezone", text(rules::timezone), at(host, &Host::timezone), "the time zone"),
      value("host.time_servers", set(rules::host), at(host, &Host::time_servers),
            "where systemd-timesyncd sets the clocks from; not given: whatever sets them stays"),
      value("host.packages", set(rules::package), at(host, &Host::packages),
            "Debian packages beyond those that tandem needs itself"),
      value("host.mail", text(rules::mail_route), at(host, &Host::mail),
            "how exim4 sends mail: \"internet\", \"smarthost HOST[:PORT]\" or \"local\"; not given: whatever sends "
            "mail stays"),
      value("host.firewall", flag(), at(host, &Host::firewall),
            "nftables: ssh, http, https and the peers, nothing else"),
      value("host.security_updates", flag(), at(host, &Host::security_updates),
            "Debian's, unattended: at night, the standby first, never two servers at once"),
      value("host.repair", flag(), at(host, &Host::repair), "drift is repaired by itself, not only shown"),
  };
}

Keys server_keys() {
  using model::Server;
  return {
      tables("server", pair, &model::Pair::servers,
             "One for each server. Which one is primary is state, not configuration.")
          .required(),
      value("server.name", text(rules::server_name), at(server, &Server::name), "its host name").required(),
      value("server.address", text(rules::ipv4), at(server, &Server::address),
            "the IPv4 address that DNS points visitors to while it is primary")
          .required(),
      value("server.address6", text(rules::ipv6), at(server, &Server::address6), "the same for IPv6"),
      value("server.peer_address", text(rules::address), at(server, &Server::peer_address),
            "the address that the other servers use; not given: `address`"),
  };
}

Keys user_keys() {
  using model::User;
  return {
      tables("user", pair, &model::Pair::users, "One for each person or account, made in this order."),
      value("user.name", text(rules::user_name), at(user, &User::name), "the account's name").required(),
      value("user.uid", count(1000, 59999), at(user, &User::uid),
            "fixed number; not given: the next that is free on all servers"),
      value("user.primary_group", text(rules::group_name), at(user, &User::primary_group),
            "not given: a group of the user's own name"),
      value("user.groups", set(rules::group_name), at(user, &User::groups), "further groups; missing ones are made"),
      value("user.sudo_nopasswd", flag(), at(user, &User::sudo_nopasswd), "sudo does not ask for a password"),
      value("user.ssh_keys", set(rules::ssh_key), at(user, &User::ssh_keys), "public keys that may log in"),
      value("user.sftp_only", flag(), at(user, &User::sftp_only),
            "shell /bin/false, chroot at its home, nothing but SFTP"),
      value("user.password_file", password_file(), at(user, &User::password_file),
            "file with the password, relative to this one"),
      value("user.folders", set(rules::folder_name), at(user, &User::folders),
            "made in its home, writable for it, readable for the sites' group"),
  };
}

} // namespace

Keys pair_keys() {
  using model::Pair;
  Keys keys = {
      table("pair", "The pair as a whole.").required(),
      value("pair.name", text(rules::label), at(pair, &Pair::name), "a name for the pair, for people").required(),
      value("pair.admin_mail", text(rules::mail), at(pair, &Pair::admin_mail),
            "who gets root's mail, such as that of cron")
          .required(),
      value("pair.port", port(), at(pair, &Pair::port), "TCP port on which the servers talk to each other"),
  };
  for (auto part : {host_keys, server_keys, user_keys})
    std::ranges::move(part(), std::back_inserter(keys));
  return keys;
}

} // namespace tandem::config
