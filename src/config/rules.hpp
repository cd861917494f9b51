// What each kind of text in tandem.toml must look like, with the words that its messages use.
#pragma once
#include "config/types.hpp"

namespace tandem::config::rules {

extern const Rule any_text, label, server_name, domain, ipv4, ipv6, address, host, mail, mail_route, timezone, package;
extern const Rule user_name, group_name, ssh_key, known_host;
extern const Rule file_path, absolute_path, relative_path, replicated_path, folder_name, site_folder, exclude_pattern,
    file_pattern;
extern const Rule url_path, serve_prefix, https_url;
extern const Rule database_name, database_owner, extension, database_setting, uwsgi_option, environment_name;
extern const Rule environment_value, setting_value, repository, branch, module_, wsgi, command, pip_option, queue;

} // namespace tandem::config::rules
