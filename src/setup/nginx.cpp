#include "base/text.hpp"
#include "model/ports.hpp"
#include "setup/subjects.hpp"

// The gate's lines and the settings without which it loses requests are explained in docs/architecture.md ("The gate").
namespace tandem::setup {

namespace {

using converge::Reaction;
using converge::ReactionKind;

constexpr auto* folder = "/etc/nginx/tandem";
const converge::FileCheck nginx_check{{"nginx", "-t", "-q"}};

// Where this server's nginx answers what its own gate has let through, once more and without TLS: a burst of held
// requests would cost it two handshakes each before the first of them is answered. Loopback only.
const std::string own_port = fmt::format("127.0.0.1:{}", model::own_nginx_port);
constexpr int most_hops = 4;
constexpr auto* own_upstream = "http://tandem_here";

std::string upstream_of(const std::string& server) {
  return "tandem_server_" + server;
}

// The whole of nginx.conf: Debian's own has no place for the worker limits that the gate needs.
std::string main_text() {
  return header() + R"(user www-data;
worker_processes auto;
worker_rlimit_nofile 20000;
pid /run/nginx.pid;
include /etc/nginx/modules-enabled/*.conf;

events {
    worker_connections 16384;
}

http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    server_names_hash_bucket_size 128;
    server_tokens off;
    keepalive_timeout 65s;
    gzip on;
    gzip_vary on;
    gzip_proxied any;
    gzip_types text/plain text/css application/json application/javascript text/xml application/xml image/svg+xml;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers off;
    ssl_session_cache shared:tandem:10m;
    ssl_session_timeout 1d;
    ssl_session_tickets off;
    log_format tandem '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                      '"$http_referer" "$http_user_agent" $host $request_time $upstream_addr $upstream_response_time';
    access_log /var/log/nginx/access.log tandem;
    error_log /var/log/nginx/error.log warn;
    include /etc/nginx/tandem/http.conf;
    include /etc/nginx/conf.d/*.conf;
    include /etc/nginx/sites-enabled/*;
}
)";
}

// A request that was passed on is marked; the mark of anybody but a server of the pair counts for nothing. It counts
// how often, so that no state of the gate can send a request round for ever; "local" is one that this server answers
// without its agent, whatever the gate's file says.
std::string marks_text(const View& view) {
  std::string text = "map \"$tandem_peer:$http_x_tandem_hop\" $tandem_hop {\n    default \"\";\n";
  std::string next = "map \"$tandem_fallback:$tandem_hop\" $tandem_mark {\n    default 1;\n";
  next += fmt::format("    ~^{}: local;\n", view.self);
  for (int hop = 1; hop <= most_hops; ++hop) {
    text += fmt::format("    \"1:{0}\" {0};\n", hop);
    if (hop < most_hops) next += fmt::format("    \":{}\" {};\n", hop, hop + 1);
  }
  return text +
         "}\nmap \"$tandem_peer:$http_x_tandem_hop\" $tandem_local {\n    default \"\";\n"
         "    \"1:local\" 1;\n}\n" +
         next + "}\n";
}

// What all sites share: where a held request goes on, and who may mark one as having been passed on.
std::string http_text(const View& view) {
  std::string text = header();
  // The variables of the gate are set in the sites' server blocks only; without one nginx does not know them.
  if (view.pair.sites.empty()) return text;
  // Each restart of the agent costs one entry of those that a held request may try.
  text += "upstream tandem_gate {\n";
  for (int i = 0; i < 8; ++i)
    text += "    server unix:/run/tandem/gate.sock max_fails=0;\n";
  text += "}\n";
  text += fmt::format("upstream tandem_here {{\n    server {} max_fails=0;\n}}\n", own_port);
  for (const auto& server : view.pair.servers)
    if (server.name != view.self)
      text += fmt::format("upstream {} {{\n    server {}:443 max_fails=0;\n}}\n", upstream_of(server.name),
                          server.peer_address);
  text += "geo $realip_remote_addr $tandem_peer {\n    default 0;\n    127.0.0.1 1;\n";
  for (const auto& server : view.pair.servers)
    if (server.name != view.self) text += "    " + server.peer_address + " 1;\n";
  text += "}\n";
  text += marks_text(view);
  text += "map \"$tandem_target$tandem_fallback\" $tandem_route {\n    default \"\";\n";
  for (const auto& server : view.pair.servers)
    text += fmt::format("    {} {};\n", server.name,
                        server.name == view.self ? own_upstream : "https://" + upstream_of(server.name));
  text += "}\n";
  // A request whose bytes reached no application may be answered by another; any other may not.
  text += "map $upstream_bytes_sent $tandem_untouched {\n    default 0;\n    \"\" 1;\n    \"-\" 1;\n    0 1;\n"
          "    ~[1-9] 0;\n}\n";
  // A push brings its signature in place of a site's password, in every location that it goes through.
  const auto signs = [](const model::Site& site) { return site.basic_auth && site.webhook_secret_file; };
  if (std::ranges::any_of(view.pair.sites, signs))
    text += "map $uri $tandem_realm {\n    default $server_name;\n    /.tandem/push off;\n}\n";
  text += "set_real_ip_from 127.0.0.1;\n";
  for (const auto& server : view.pair.servers)
    if (server.name != view.self) text += "set_real_ip_from " + server.peer_address + ";\n";
  text += "real_ip_header X-Real-IP;\n";
  return text;
}

// Which server answers when the agent does not: the marker's; a standby sends to the server that it follows, which the
// agent has noted for nginx. Nothing here depends on the role, so that a change of primary changes no file.
std::string fallback_text(const View& view) {
  std::string text = "location @tandem_gate_dead {\n"
                     "    if (-f /primary_server) {\n"
                     "        set $tandem_fallback \"" +
                     view.self +
                     "\";\n        return 204;\n    }\n"
                     "    if ($tandem_hop) {\n        return 403;\n    }\n";
  for (const auto& server : view.pair.servers)
    if (server.name != view.self)
      text += fmt::format("    if (-f /run/tandem/follows/{0}) {{\n        set $tandem_fallback \"{0}\";\n    }}\n",
                          server.name);
  return text + "    return 204;\n}\n";
}

// Where nginx asks the agent: `what` is "gate", or "hop" for what another server has passed on already.
std::string asking_text(const View& view, const std::string& what) {
  return fmt::format(R"(location = /.tandem/{0} {{
    internal;
    proxy_pass http://tandem_gate/{0};
    proxy_http_version 1.1;
    proxy_pass_request_body off;
    proxy_pass_request_headers off;
    proxy_set_header Content-Length "";
    proxy_set_header Connection "";
    proxy_connect_timeout 5s;
    proxy_read_timeout {1}s;
    proxy_next_upstream error timeout invalid_header non_idempotent;
    error_page 500 502 504 = @tandem_gate_dead;
}}

)",
                     what, view.pair.role.hold.count() + 2);
}

// A connection a request: one that was kept to a server which has lost its power since would cost a visitor an error.
constexpr auto* passing_lines = R"(    proxy_http_version 1.1;
    proxy_ssl_server_name on;
    proxy_ssl_name $host;
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Tandem-Hop $tandem_mark;
    proxy_next_upstream off;
    proxy_read_timeout 300s;
    proxy_send_timeout 300s;
)";

// As Debian's uwsgi_params, but for requests that visitors always made over HTTPS, whichever way they came through.
constexpr auto* uwsgi_parameters = R"(uwsgi_param QUERY_STRING $query_string;
uwsgi_param REQUEST_METHOD $request_method;
uwsgi_param CONTENT_TYPE $content_type;
uwsgi_param CONTENT_LENGTH $content_length;
uwsgi_param REQUEST_URI $request_uri;
uwsgi_param PATH_INFO $document_uri;
uwsgi_param DOCUMENT_ROOT $document_root;
uwsgi_param SERVER_PROTOCOL $server_protocol;
uwsgi_param REQUEST_SCHEME https;
uwsgi_param HTTPS on;
uwsgi_param REMOTE_ADDR $remote_addr;
uwsgi_param REMOTE_PORT $remote_port;
uwsgi_param SERVER_PORT 443;
uwsgi_param SERVER_NAME $server_name;
)";

// Included by each site's server block. Asking and passing on are two locations (try_files leads from one to the
// other), because an error_page for the agent's refusal must not catch what an application answers.
std::string gate_text(const View& view) {
  std::string text = header() + R"(recursive_error_pages on;
error_page 418 = @tandem_gated;
set $tandem_fallback "";

)" + asking_text(view, "gate") +
                     asking_text(view, "hop") + fallback_text(view) + R"(
location @tandem_gated {
    if ($tandem_hop) {
        return 419;
    }
    error_page 419 = @tandem_hop;
    auth_request /.tandem/gate;
    auth_request_set $tandem_target $upstream_http_x_tandem_target;
    error_page 500 503 =503 @tandem_busy;
    try_files /.tandem/none @tandem_pass;
}

location @tandem_pass {
    proxy_pass $tandem_route;
)" + passing_lines + R"(    proxy_intercept_errors on;
    error_page 421 = @tandem_again;
}

# The other server has become a standby meanwhile, and nothing of the request has reached an application.
location @tandem_again {
)" + "    proxy_pass " +
                     own_upstream + ";\n" + passing_lines + R"(}

location @tandem_hop {
)" + fmt::format("    if ($tandem_hop = {}) {{\n        return 503;\n    }}\n", most_hops) +
                     R"(    auth_request /.tandem/hop;
    auth_request_set $tandem_target $upstream_http_x_tandem_target;
    error_page 403 = @tandem_elsewhere;
    error_page 500 503 =503 @tandem_busy;
    try_files /.tandem/none @tandem_here;
}

location @tandem_here {
)" + "    proxy_pass " +
                     own_upstream + ";\n" + passing_lines + R"(}

location @tandem_elsewhere {
    return 421;
}

location @tandem_busy {
    add_header Retry-After 5 always;
    return 503;
}

location @tandem_application_gone {
    if ($tandem_untouched = 0) {
        return 502;
    }
    error_page 418 = @tandem_gated;
    return 418;
}
)";
  return text;
}

std::string names_of(const model::Site& site) {
  std::string names = site.domain;
  for (const auto& alias : site.aliases)
    names += " " + alias;
  return names;
}

std::string listen_text(const View& view, const std::string& port, const std::string& more) {
  std::string text = "    listen " + port + more + ";\n";
  if (view.server().address6) text += "    listen [::]:" + port + more + ";\n";
  return text;
}

// In a location: what this server may not answer now goes to the gate.
constexpr auto* gate_lines = "        set $tandem_closed \"\";\n"
                             "        if (!-f /run/tandem/serving) {\n            set $tandem_closed 1;\n        }\n"
                             "        if ($tandem_local) {\n            set $tandem_closed \"\";\n        }\n"
                             "        if ($tandem_closed) {\n            return 418;\n        }\n";

// What the repository's host sends reaches the primary's agent on the way that visitors take. The signature is its
// password.
std::string push_text(const model::Site& site) {
  if (!site.webhook_secret_file) return {};
  return std::string("    location = /.tandem/push {\n") + gate_lines +
         fmt::format("        error_page 418 = @tandem_gated;\n"
                     "        error_page 502 504 =503 @tandem_busy;\n"
                     "        client_max_body_size 1m;\n"
                     "        proxy_pass http://unix:/run/tandem/push.sock:;\n"
                     "        proxy_http_version 1.1;\n"
                     "        proxy_set_header Connection \"\";\n"
                     "        proxy_set_header X-Tandem-Site {};\n"
                     "        proxy_read_timeout 30s;\n    }}\n",
                     site.domain);
}

std::string locations_text(const model::Site& site) {
  std::string text;
  for (const auto& [prefix, served] : site.serve)
    text += fmt::format(
        "    location {} {{\n{}        alias /www/{}/{}/;\n        expires 1h;\n        access_log off;\n    }}\n",
        prefix, gate_lines, site.domain, served);
  text += fmt::format("    location / {{\n{}        error_page 418 = @tandem_gated;\n"
                      "        error_page 502 = @tandem_application_gone;\n"
                      "        include {}/uwsgi_params;\n"
                      "        uwsgi_pass unix:/run/tandem-sites/{}/current.sock;\n"
                      "        uwsgi_read_timeout {}s;\n"
                      "        uwsgi_next_upstream off;\n    }}\n",
                      gate_lines, folder, site.domain, site.uwsgi.harakiri.count() + 5);
  return text;
}

std::string site_text(const View& view, const model::Site& site) {
  std::string text = header();
  text += "server {\n" + listen_text(view, "80", "") + "    server_name " + names_of(site) + ";\n" +
          challenge_text(view) + "    location / {\n        return 301 https://$host$request_uri;\n    }\n}\n\n";
  text += "server {\n" + listen_text(view, "443", " ssl http2") + "    listen " + own_port + ";\n    server_name " +
          names_of(site) + ";\n    absolute_redirect off;\n";
  text += fmt::format("    ssl_certificate /etc/tandem/certificates/{0}.pem;\n"
                      "    ssl_certificate_key /etc/tandem/certificates/{0}.pem;\n"
                      "    client_max_body_size {1};\n",
                      site.domain, site.max_body);
  if (site.basic_auth)
    text += fmt::format("    auth_basic {2};\n    auth_basic_user_file {1}/{0}.htpasswd;\n", site.domain, folder,
                        site.webhook_secret_file ? "$tandem_realm" : "\"" + site.domain + "\"");
  text += fmt::format("    include {}/gate.conf;\n", folder);
  text += push_text(site) + locations_text(site);
  if (site.nginx_extra) text += fmt::format("    include {}/{}.extra;\n", folder, site.domain);
  return text + "}\n";
}

// Names that no site has get no answer, and no certificate that would tell them which sites there are.
std::string default_text(const View& view) {
  return header() + "server {\n" + listen_text(view, "80", " default_server") +
         "    server_name _;\n    return 444;\n}\n" + "server {\n" +
         listen_text(view, "443", " ssl http2 default_server") +
         "    server_name _;\n    ssl_reject_handshake on;\n}\n" + "server {\n    listen " + own_port +
         " default_server;\n    server_name _;\n    return 444;\n}\n";
}

void add_secrets(Resources& out, const View& view, const model::Site& site) {
  const auto add = [&](const std::optional<model::SecretFile>& file, const std::string& suffix, converge::File what) {
    if (!file) return;
    what.path = std::string(folder) + "/" + site.domain + suffix;
    what.content = view.secrets.at(file->path);
    what.check = nginx_check;
    out.push_back({.kind = std::move(what),
                   .why = "site " + site.domain,
                   .reactions = {{ReactionKind::reload, "nginx.service"}}});
  };
  // Of nginx's own user, not of its group: the owners of all sites are in that one.
  add(site.basic_auth, ".htpasswd", {.path = {}, .content = {}, .mode = 0400, .owner = "www-data", .secret = true});
  add(site.nginx_extra, ".extra", {.path = {}, .content = {}});
}

} // namespace

void add_nginx(Resources& out, const View& view) {
  const Reaction reload{ReactionKind::reload, "nginx.service"};
  const auto add = [&](std::string path, std::string content, std::string why) {
    out.push_back({.kind = converge::File{.path = std::move(path), .content = std::move(content), .check = nginx_check},
                   .why = std::move(why),
                   .reactions = {reload}});
  };
  add_certificates(out, view);
  out.push_back({.kind = converge::Folder{.path = folder}, .why = "nginx"});
  out.push_back({.kind = converge::Absent{.path = "/etc/nginx/sites-enabled/default", .package = "nginx"},
                 .why = "Debian's example site",
                 .reactions = {reload}});
  for (const auto& path : view.nginx_by_hand)
    out.push_back(
        {.kind = converge::Absent{.path = path}, .why = "a site that was set up by hand", .reactions = {reload}});
  for (const auto& site : view.pair.sites)
    add_secrets(out, view, site);
  add(std::string(folder) + "/gate.conf", gate_text(view), "the gate");
  add(std::string(folder) + "/http.conf", http_text(view), "the gate");
  add(std::string(folder) + "/uwsgi_params", header() + uwsgi_parameters, "what applications are told of a request");
  add("/etc/nginx/sites-enabled/00-default.conf", default_text(view), "names that no site has");
  for (const auto& site : view.pair.sites)
    add("/etc/nginx/sites-enabled/" + site.domain + ".conf", site_text(view, site), "site " + site.domain);
  add("/etc/nginx/nginx.conf", main_text(), "nginx");
  out.push_back({.kind = converge::Unit{.name = "nginx.service", .enabled = false, .running = true},
                 .why = "the gate and the sites; only the agent starts it at boot"});
}

} // namespace tandem::setup
