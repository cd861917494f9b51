#include "config/syntax.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tandem::config {
namespace {

struct Case {
  const char* name;
  bool (*holds)(std::string_view);
  std::vector<std::string> right;
  std::vector<std::string> wrong;
};

const std::string ed25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
const std::string key = "ssh-ed25519 " + ed25519;

const std::vector<Case> cases = {
    {"Label",
     is_label,
     {"uno", "a", "web-1", "1a", std::string(63, 'a')},
     {"", "-a", "a-", "Uno", "a_b", "a.b", "ü", std::string(64, 'a')}},
    {"Domain",
     is_domain,
     {"janome.club", "www.a-b.example", "xn--80ak6aa92e.com"},
     {"localhost", "a..b", ".a.b", "a.b.", "A.b", "1.2.3.4", "a b.c", "*.a.b", "a.b/c", "магазин.рф"}},
    {"Ipv4",
     is_ipv4,
     {"192.0.2.11", "10.0.0.1", "127.0.0.1"},
     {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "0.0.0.0", "255.255.255.255", "224.0.0.1", "::1",
      "example.org"}},
    {"Ipv6",
     is_ipv6,
     {"2001:db8::11", "::1", "fe80::1"},
     {"", "::", "ff02::1", "fe80::1%eth0", "[::1]", "1.2.3.4", "2001:db8::11/64", "12345::1"}},
    {"Host", is_host, {"uno", "a.example", "192.0.2.1", "::1"}, {"", "a b", "-x", "http://a"}},
    {"Mail",
     is_mail,
     {"ops@example.org", "a.b+c@x.example"},
     {"", "ops", "@example.org", "ops@", "ops@localhost", "a b@example.org", "-x@example.org", "|cmd@example.org",
      "/dev/null@example.org", "a@b@example.org"}},
    {"MailRoute",
     is_mail_route,
     {"internet", "local", "smarthost mail.example.org", "smarthost mail.example.org:587"},
     {"", "smarthost", "smarthost ", "smarthost a:b", "smarthost a:0", "Internet", "smarthost a.example :5"}},
    {"Timezone",
     is_timezone,
     {"Europe/Moscow", "UTC", "Etc/GMT+3", "America/Argentina/Buenos_Aires"},
     {"", "/etc/passwd", "Europe/", "../x", "Europe/../x", "Europe Moscow"}},
    {"Package",
     is_package,
     {"less", "g++", "python3.11", "bind9-dnsutils"},
     {"", "x", "Less", "-y", "less=1", "less/now", "a b", "+x"}},
    {"UserName",
     is_user_name,
     {"andrey", "_x", "import1c", "a-b"},
     {"", "Andrey", "1a", "-a", "a.b", "a:b", "a b", std::string(33, 'a')}},
    {"SshKey",
     is_ssh_key,
     {key, key + " andrey", key + " a comment"},
     {"", ed25519, "ssh-ed25519", "ssh-rsa " + ed25519, "ssh-ed25519 AAAA", "ssh-ed25519 AAAA…",
      "ssh-ed25519 " + ed25519.substr(0, 64), "command=\"x\" " + key, "-----BEGIN OPENSSH PRIVATE KEY-----",
      "ssh-ed25519  " + ed25519}},
    {"KnownHost",
     is_known_host,
     {"github.com " + key, "[git.example]:2222 " + key, "a,192.0.2.1 " + key, "|1|abc=|def= " + key},
     {"", key, "github.com", "github.com " + ed25519, "git hub " + key, " " + key}},
    {"AbsolutePath",
     is_absolute_path,
     {"/www", "/home/import1c", "/a b"},
     {"", "/", "www", "/www/", "/www/../etc", "//x", "/.."}},
    {"RelativePath",
     is_relative_path,
     {"requirements.txt", "a/b.txt", "..a/b"},
     {"", "/a", "../a", "a/..", "a//b", "-r", "a/"}},
    {"FolderName",
     is_folder_name,
     {"media", "st_search", "a.b", "A-1"},
     {"", ".", "..", ".git", "a/b", "-x", "a b", "a;b", "a\"b"}},
    {"ExcludePattern", is_exclude_pattern, {"*.pyc", "__pycache__/", "logs/", "-x"}, {"", "!", "+ x", "- x"}},
    {"UrlPath", is_url_path, {"/", "/health/?full=1", "/a%20b"}, {"", "health", "/a b", "/a\"", "/a{", "http://a/"}},
    {"ServePrefix",
     is_serve_prefix,
     {"/static/", "/a/b/"},
     {"", "/", "//", "/static", "static/", "/a b/", "/../", "/a//b/", "/a{/", "/$x/"}},
    {"HttpsUrl",
     is_https_url,
     {"https://a.example/x", "https://192.0.2.1:2379", "https://[::1]:2379"},
     {"", "http://a", "https://", "https:///x", "https://a b", "https://-x"}},
    {"SqlName",
     is_sql_name,
     {"sworld", "_a", "a1_b"},
     {"", "1a", "A", "a-b", "a b", "a\"b", "a;b", std::string(64, 'a')}},
    {"Extension", is_extension, {"pg_trgm", "uuid-ossp"}, {"", "Pg", "pg trgm", "-x"}},
    {"DatabaseSetting",
     is_database_setting,
     {"shared_buffers", "pg_stat_statements.max"},
     {"", "Shared", "a.b.c", "a b", "a=b", "a.", ".a", "a\nb"}},
    {"UwsgiOption", is_uwsgi_option, {"buffer-size", "no_orphans"}, {"", "-x", "a b", "a=b", "A", "[uwsgi]"}},
    {"EnvironmentName",
     is_environment_name,
     {"DJANGO_SETTINGS_MODULE", "_x", "a1"},
     {"", "1A", "A-B", "A B", "A=B", "Ä"}},
    {"Repository",
     is_repository,
     {"git@github.com:andreynovikov/django-shop.git", "ssh://git@tre:22/srv/shop.git", "https://a.example/x.git",
      "http://10.0.0.3/shop.git", "file:///srv/shop.git"},
     {"", "shop", "git@github.com", "-u@a:b", "git@-oProxyCommand:x", "ssh://-oProxyCommand=x/y", "ssh://git@-o/y",
      "ext::sh -c x", "https://user:secret@a.example/x", "https://a", "git@a:-x", "git@a:b c", "file://x"}},
    {"Branch",
     is_branch,
     {"main", "release/1.2", "janome"},
     {"", "-x", "a..b", "a b", "a~1", "/a", "a/", "a//b", "a.lock", "@", "a@{1}", ".a", "a:b"}},
    {"Module", is_module, {"shop", "shop.celery", "_a.b1"}, {"", "shop.", ".shop", "1a", "a-b", "a b"}},
    {"Wsgi",
     is_wsgi,
     {"shop.wsgi:application", "a:b"},
     {"", "shop.wsgi", "shop.wsgi:", ":application", "shop.wsgi:a:b", "shop/wsgi.py", "a:b.c", "a: b"}},
    {"Command",
     is_command,
     {"python manage.py migrate", "echo 'a b'", "echo \"it's\"", "a\\ b"},
     {"", "  ", "echo 'a", "echo \"a", "echo \\"}},
};

TEST(Syntax, RightTextsAreTaken) {
  for (const auto& [name, holds, right, wrong] : cases)
    for (const auto& text : right)
      EXPECT_TRUE(holds(text)) << name << ": " << text;
}

TEST(Syntax, WrongTextsAreRefused) {
  for (const auto& [name, holds, right, wrong] : cases)
    for (const auto& text : wrong)
      EXPECT_FALSE(holds(text)) << name << ": " << text;
}

TEST(Syntax, Utf8IsCheckedToItsFirstWrongByte) {
  EXPECT_EQ(valid_utf8("año"), 4U);
  EXPECT_EQ(valid_utf8("a\xFFo"), 1U);
  EXPECT_EQ(valid_utf8("ab\xC3"), 2U);           // cut short
  EXPECT_EQ(valid_utf8("\xC0\x80"), 0U);         // longer than needed
  EXPECT_EQ(valid_utf8("\xE0\x80\x80"), 0U);     // longer than needed
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), 0U);     // half of a surrogate pair
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80"), 0U); // beyond the last character
  EXPECT_EQ(valid_utf8("\xF0\x9F\x92\xA9"), 4U);
  EXPECT_EQ(characters_in("año"), 3U);
}

TEST(Syntax, WhatEndsALineOrHidesTextIsNotPrintable) {
  EXPECT_TRUE(is_printable("Москва, año 1 \"x\""));
  for (const std::string text : {"a\nb", "a\rb", "a\tb", "a\x7F", "a\xC2\x85", "a\xE2\x80\xA8",
                                 "a\xE2\x80\xAE"
                                 "b",
                                 "\xEF\xBB\xBF"
                                 "a"})
    EXPECT_FALSE(is_printable(text)) << text;
  EXPECT_FALSE(is_printable(std::string_view("a\0b", 3)));
}

TEST(Syntax, WhatDoesNotPrintIsEscaped) {
  EXPECT_EQ(escaped("Москва\n\x1b[31m"), "Москва\\u000a\\u001b[31m");
  EXPECT_EQ(escaped("a\xE2\x80\xAE\xFF"), "a\\u202e\\xff");
}

TEST(Syntax, AddressesCompareInOneSpelling) {
  EXPECT_EQ(canonical_address("2001:DB8:0:0::11"), canonical_address("2001:db8::11"));
  EXPECT_EQ(canonical_address("192.0.2.1"), "192.0.2.1");
}

TEST(Syntax, TheSshHostOfARepositoryIsFound) {
  EXPECT_EQ(ssh_host("git@github.com:a/b.git"), "github.com");
  EXPECT_EQ(ssh_host("ssh://git@tre:2222/srv/b.git"), "tre");
  EXPECT_EQ(ssh_host("ssh://tre/srv/b.git"), "tre");
  EXPECT_EQ(ssh_host("ssh://git@[2001:db8::1]:22/srv/b.git"), "2001:db8::1");
  EXPECT_EQ(ssh_host("https://github.com/a/b.git"), "");
  EXPECT_EQ(ssh_host("file:///srv/b@c:d.git"), "");
}

TEST(Syntax, HostKeysNameTheirHosts) {
  EXPECT_TRUE(known_host_names("github.com " + key, "github.com"));
  EXPECT_TRUE(known_host_names("a,github.com " + key, "github.com"));
  EXPECT_TRUE(known_host_names("[tre]:2222 " + key, "tre"));
  EXPECT_TRUE(known_host_names("|1|abc=|def= " + key, "github.com"));
  EXPECT_FALSE(known_host_names("gitlab.com " + key, "github.com"));
}

} // namespace
} // namespace tandem::config
