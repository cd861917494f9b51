// What the texts of tandem.toml may look like: predicates without any knowledge of keys.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace tandem::config {

// Bytes up to the first that is not UTF-8; text.size() when all is.
[[nodiscard]] std::size_t valid_utf8(std::string_view text);
[[nodiscard]] std::size_t characters_in(std::string_view utf8);
// No control character, line separator or mark that turns the direction of writing: nothing that could
// end a line of a generated file or hide what it says.
[[nodiscard]] bool is_printable(std::string_view utf8);
// The text with everything else escaped, for a terminal.
[[nodiscard]] std::string escaped(std::string_view text);

[[nodiscard]] bool is_digit(char c);
[[nodiscard]] bool is_label(std::string_view text);      // one part of a host name, lower case
[[nodiscard]] bool is_domain(std::string_view text);     // two labels or more, lower case, no trailing dot
[[nodiscard]] bool is_ipv4(std::string_view text);       // of one host: not 0.0.0.0, broadcast or multicast
[[nodiscard]] bool is_ipv6(std::string_view text);       // of one host, without a scope
[[nodiscard]] bool is_address(std::string_view text);    // IPv4 or IPv6
[[nodiscard]] bool is_host(std::string_view text);       // a label, a domain or an address
[[nodiscard]] bool is_mail(std::string_view text);       // LOCAL@DOMAIN
[[nodiscard]] bool is_mail_route(std::string_view text); // exim4: "internet", "local", "smarthost HOST[:PORT]"
[[nodiscard]] bool is_timezone(std::string_view text);   // a name below /usr/share/zoneinfo
[[nodiscard]] bool is_package(std::string_view text);    // Debian package
[[nodiscard]] bool is_user_name(std::string_view text);  // Debian user or group
[[nodiscard]] bool is_ssh_key(std::string_view text);    // a line of authorized_keys without options
[[nodiscard]] bool is_known_host(std::string_view text); // a line of known_hosts

[[nodiscard]] bool is_absolute_path(std::string_view text);   // no "..", no empty part, no "/" alone
[[nodiscard]] bool is_relative_path(std::string_view text);   // within a folder: no "..", not absolute
[[nodiscard]] bool is_file_path(std::string_view text);       // either
[[nodiscard]] bool is_folder_name(std::string_view text);     // one part of a path, no leading "-" or "."
[[nodiscard]] bool is_file_pattern(std::string_view text);    // of names in one folder, as fnmatch(3) takes it
[[nodiscard]] bool is_exclude_pattern(std::string_view text); // for rsync, and no filter rule of its own
[[nodiscard]] bool is_url_path(std::string_view text);        // begins with "/"
[[nodiscard]] bool is_serve_prefix(std::string_view text);    // "/static/": begins and ends with "/"
[[nodiscard]] bool is_https_url(std::string_view text);

[[nodiscard]] bool is_sql_name(std::string_view text);         // an identifier that needs no quotes, 63 bytes at most
[[nodiscard]] bool is_extension(std::string_view text);        // as sql_name, "-" too ("uuid-ossp")
[[nodiscard]] bool is_database_setting(std::string_view text); // lower case, "extension.name" too
[[nodiscard]] bool is_uwsgi_option(std::string_view text);
[[nodiscard]] bool is_environment_name(std::string_view text);
[[nodiscard]] bool is_repository(std::string_view text); // git over ssh, https or http, or file://
[[nodiscard]] bool is_branch(std::string_view text);
[[nodiscard]] bool is_module(std::string_view text);  // Python: "shop.celery"
[[nodiscard]] bool is_wsgi(std::string_view text);    // Python: "shop.wsgi:application"
[[nodiscard]] bool is_command(std::string_view text); // not empty, quotes closed
[[nodiscard]] bool is_text(std::string_view text);    // anything but empty

// The address in its one canonical spelling, for comparisons; the text itself when it is none.
[[nodiscard]] std::string canonical_address(std::string_view text);
// The host of a repository that git reaches over ssh; empty for the other kinds.
[[nodiscard]] std::string ssh_host(std::string_view repository);
// The host keys line is for that host, or hides its hosts by a hash.
[[nodiscard]] bool known_host_names(std::string_view line, std::string_view host);

} // namespace tandem::config
