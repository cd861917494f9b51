#include "config/rules.hpp"

#include "config/reserved.hpp"
#include "config/syntax.hpp"

namespace tandem::config::rules {

namespace {

bool is_anything(std::string_view /*text*/) {
  return true;
}

} // namespace

const Rule any_text{"a text", "a text that is not empty", is_text};

const Rule label{"a short name", "lower-case letters, digits and inner hyphens, at most 63", is_label};
const Rule server_name{"a host name", "lower-case letters, digits and inner hyphens, at most 63, without a domain",
                       is_label};
const Rule domain{"a domain name",
                  "two or more parts of lower-case letters, digits and hyphens, such as \"shop.example.org\" "
                  "(other letters in their xn-- form)",
                  is_domain};
const Rule ipv4{"an IPv4 address of a host", "an IPv4 address, such as \"192.0.2.11\"", is_ipv4};
const Rule ipv6{"an IPv6 address of a host", "an IPv6 address, such as \"2001:db8::11\"", is_ipv6};
const Rule address{"an address of a host", "an IPv4 or IPv6 address", is_address};
const Rule host{"a host", "a host name or an address", is_host};
const Rule mail{"a mail address", "a mail address, such as \"ops@example.org\"", is_mail};
const Rule mail_route{"a way for mail", "\"internet\", \"local\" or \"smarthost HOST[:PORT]\"", is_mail_route};
const Rule timezone{"a time zone", "a name as in /usr/share/zoneinfo, such as \"Europe/Moscow\"", is_timezone};
const Rule package{"a Debian package", "the name of a Debian package, such as \"htop\"", is_package};

const Rule user_name{"a user name", "a lower-case letter, then lower-case letters, digits, - and _, at most 32",
                     is_user_name, reserved::user};
const Rule group_name{"a group name", "a lower-case letter, then lower-case letters, digits, - and _, at most 32",
                      is_user_name};
const Rule ssh_key{"an ssh public key", "one line as in a .pub file: TYPE BASE64 [COMMENT]", is_ssh_key, nullptr,
                   false};
const Rule known_host{"a host key", "one line as ssh-keyscan prints it: HOST TYPE BASE64", is_known_host, nullptr,
                      false};

const Rule file_path{"a path", "an absolute path, or one relative to this file, without \"..\"", is_file_path};
const Rule absolute_path{"an absolute path", "a path that begins with \"/\", without \"..\" and a final \"/\"",
                         is_absolute_path};
const Rule relative_path{"a path within the site", "a relative path without \"..\"", is_relative_path};
const Rule replicated_path{"an absolute path", "a path that begins with \"/\", without \"..\" and a final \"/\"",
                           is_absolute_path, reserved::replicated_path};
const Rule folder_name{"a folder's name", "letters, digits, inner dots, - and _, without \"/\"", is_folder_name};
const Rule site_folder{"a folder's name", "letters, digits, inner dots, - and _, without \"/\"", is_folder_name,
                       reserved::site_folder};
const Rule file_pattern{"a pattern of file names", "a shell's pattern without \"/\", such as \"*.txt\"",
                        is_file_pattern};
const Rule exclude_pattern{"a pattern of files to leave out", "a pattern of rsync, such as \"*.pyc\" or \"logs/\"",
                           is_exclude_pattern};
const Rule url_path{"a path on the site", "a path that begins with \"/\", such as \"/health/\"", is_url_path};
const Rule serve_prefix{"a prefix of paths on the site", "a path that begins and ends with \"/\", such as \"/static/\"",
                        is_serve_prefix};
const Rule https_url{"an https address", "https://HOST[:PORT][/PATH]", is_https_url};

const Rule database_name{"a database's name", "a lower-case letter, then lower-case letters, digits and _, at most 63",
                         is_sql_name, reserved::database_name};
const Rule database_owner{"a database role's name",
                          "a lower-case letter, then lower-case letters, digits and _, at most 63", is_sql_name,
                          reserved::database_role};
const Rule extension{"a PostgreSQL extension", "the name of an extension, such as \"pg_trgm\"", is_extension};
const Rule database_setting{"a PostgreSQL setting", "the name of a setting in lower case, such as \"shared_buffers\"",
                            is_database_setting, reserved::database_setting};
const Rule uwsgi_option{"a uWSGI option", "the name of an option in lower case, such as \"buffer-size\"",
                        is_uwsgi_option, reserved::uwsgi_option};
const Rule environment_name{"a variable's name", "letters, digits and _, such as \"DJANGO_SETTINGS_MODULE\"",
                            is_environment_name, reserved::environment_variable};
const Rule environment_value{"a variable's value", "a text in quotes", is_anything, nullptr, false};
const Rule setting_value{"a setting's value", "a text in quotes, a number, true or false", is_anything};
const Rule repository{"a git repository",
                      "USER@HOST:PATH, ssh://…, https://…, http://… or file:///…, without a password", is_repository,
                      nullptr, false};
const Rule branch{"a git branch", "the name of a branch, such as \"main\"", is_branch};
const Rule module_{"a Python module", "the dotted name of a module, such as \"shop\"", is_module};
const Rule wsgi{"a WSGI application", "MODULE:CALLABLE, such as \"shop.wsgi:application\"", is_wsgi};
const Rule command{"a command", "a program with its arguments, quotes closed", is_command};
const Rule pip_option{"an option of pip", "an option or its value, such as \"--no-index\"", is_text,
                      reserved::pip_option};
const Rule queue{"a queue's name", "letters, digits, inner dots, - and _", is_folder_name};

} // namespace tandem::config::rules
