// The subjects of setup, each in a source file of its own.
#pragma once
#include "setup/setup.hpp"

#include <set>
#include <string_view>

namespace tandem::setup {

void add_packages(Resources& out, const View& view);
void add_accounts(Resources& out, const View& view);
void add_ssh(Resources& out, const View& view);
inline constexpr auto* sftp_group = "tandem-sftp"; // who is in it, may do nothing but SFTP
void add_host(Resources& out, const View& view);
void add_updates(Resources& out, const View& view);
void add_mail(Resources& out, const View& view);
void add_firewall(Resources& out, const View& view);
void add_www(Resources& out, const View& view);
void add_postgres(Resources& out, const View& view);
void add_dns(Resources& out, const View& view);
void add_certificates(Resources& out, const View& view);
// For a site's server block on port 80; empty where no certificates are got.
std::string challenge_text(const View& view);
void add_nginx(Resources& out, const View& view);
void add_sites(Resources& out, const View& view);
void add_logs(Resources& out, const View& view);
void add_cache(Resources& out, const View& view);
void add_role(Resources& out, const View& view);

// Whether tandem has a say in how people log in.
bool ssh_matters(const model::Pair& pair);

// Groups that Debian's packages make, under numbers of their own.
const std::set<std::string>& debian_groups();

// First lines of every generated file; `comment` begins a line of the file's own language.
std::string header(std::string_view comment = "#");

} // namespace tandem::setup
