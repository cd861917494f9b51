#include "adopt/served.hpp"

#include "adopt/applications.hpp"
#include "adopt/ini_file.hpp"
#include "base/text.hpp"
#include "config/syntax.hpp"
#include "config/units.hpp"

#include <array>

namespace tandem::adopt {

namespace {

using Names = std::vector<std::string>;
using Upstreams = std::map<std::string, Names>; // name -> its servers

constexpr auto* usual_acme = "https://acme-v02.api.letsencrypt.org/directory";

// tandem has an answer of its own to these.
constexpr std::array<std::string_view, 27> own_directives{"listen",
                                                          "server_name",
                                                          "ssl_certificate",
                                                          "ssl_certificate_key",
                                                          "ssl_protocols",
                                                          "ssl_ciphers",
                                                          "ssl_dhparam",
                                                          "ssl_session_cache",
                                                          "ssl_session_timeout",
                                                          "ssl_session_tickets",
                                                          "ssl_stapling",
                                                          "ssl_stapling_verify",
                                                          "ssl_prefer_server_ciphers",
                                                          "ssl_trusted_certificate",
                                                          "ssl",
                                                          "access_log",
                                                          "error_log",
                                                          "root",
                                                          "index",
                                                          "http2",
                                                          "server_tokens",
                                                          "uwsgi_pass",
                                                          "uwsgi_read_timeout",
                                                          "uwsgi_send_timeout",
                                                          "client_max_body_size",
                                                          "auth_basic",
                                                          "auth_basic_user_file"};
// In a location that serves files.
constexpr std::array<std::string_view, 6> own_of_files{"alias",      "root",          "expires",
                                                       "access_log", "log_not_found", "autoindex"};

bool is_among(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

bool is_usual_include(const Directive& directive) {
  if (directive.name != "include" || directive.arguments.empty()) return false;
  const auto& path = directive.arguments.front();
  return path.ends_with("uwsgi_params") || path.starts_with("/etc/letsencrypt/");
}

void collect_sockets(const Directive& directive, const Upstreams& upstreams, Names& into) {
  for (const auto& inner : directive.block) {
    if (inner.name == "uwsgi_pass" && !inner.arguments.empty()) {
      const auto upstream = upstreams.find(inner.arguments.front());
      if (upstream != upstreams.end())
        for (const auto& server : upstream->second)
          into.push_back(plain_socket(server));
      else
        into.push_back(plain_socket(inner.arguments.front()));
    }
    collect_sockets(inner, upstreams, into);
  }
}

// The host of "return 301 https://HOST…"; "" of any other.
std::string redirect_of(const Directive& directive) {
  if (directive.name != "return" || directive.arguments.empty()) return {};
  auto target = std::string_view(directive.arguments.back());
  const auto scheme = target.find("://");
  if (scheme == std::string_view::npos) return {};
  target.remove_prefix(scheme + 3);
  return std::string(target.substr(0, target.find_first_of("/$")));
}

bool is_redirect_to_tls(const Directive& directive) {
  if (directive.name == "return")
    return !directive.arguments.empty() && directive.arguments.back().starts_with("https://");
  if (directive.name != "if" || directive.block.empty()) return false; // certbot's way
  return std::ranges::all_of(directive.block, is_redirect_to_tls);
}

class Serving {
public:
  Serving(Draft& draft, const Found& found, const std::string& folder, model::Site& site)
      : draft_(draft), found_(found), folder_(folder), site_(site) {}

  void take(const ServerBlock& block) {
    file_ = &block.file;
    for (const auto& name : block.names)
      take_name(block, name);
    if (!block.redirects_to.empty() && block.redirects_to != site_.domain)
      cannot_tell(block.directive, "a redirect to " + block.redirects_to);
    for (const auto& directive : block.directive.block)
      take_directive(directive, block);
  }

private:
  void cannot_tell(const Directive& directive, const std::string& text) {
    draft_.cannot_tell(*file_, directive.line, text);
  }

  void cannot_tell(const Directive& directive) {
    cannot_tell(directive, "nginx's \"" + directive.text() + "\"" + (directive.has_block ? " and its block" : "") +
                               ": where it matters, put it into a file of nginx_extra");
  }

  void take_name(const ServerBlock& block, const std::string& name) {
    if (name == site_.domain || name == "_") return;
    if (!config::is_domain(name)) return cannot_tell(block.directive, "the name \"" + name + "\"");
    if (std::ranges::find(site_.aliases, name) != site_.aliases.end()) return;
    site_.aliases.push_back(name);
    if (block.redirects_to == site_.domain)
      cannot_tell(block.directive,
                  name + " is redirected to " + site_.domain + ": tandem answers both alike, the site may redirect");
  }

  void take_directive(const Directive& directive, const ServerBlock& block) {
    if (directive.name == "location") return take_location(directive);
    if (directive.name == "client_max_body_size") return take_max_body(directive);
    if (directive.name == "auth_basic_user_file") return take_password_file(directive);
    if (directive.name == "ssl_certificate") return take_certificate(directive);
    if (directive.name == "listen") return take_listen(directive);
    if (is_among(directive.name, own_directives) || is_usual_include(directive) || is_redirect_to_tls(directive))
      return;
    if (directive.name == "return" && !block.redirects_to.empty()) return;
    cannot_tell(directive);
  }

  // What was to be reached from one network alone must not become public without a word.
  void take_listen(const Directive& directive) {
    const auto place = directive.arguments.empty() ? std::string() : directive.arguments.front();
    const auto colon = place.rfind(':');
    const auto address = place.ends_with(']') ? place : place.substr(0, colon == std::string::npos ? 0 : colon);
    const bool unix_socket = place.starts_with("unix:");
    const bool alone = place.contains('.') && colon == std::string::npos; // an address without a port
    if (unix_socket || alone || (!address.empty() && address != "*" && address != "0.0.0.0" && address != "[::]"))
      cannot_tell(directive, "it listens on " + place + " alone: with tandem " + site_.domain +
                                 " is served on all addresses, ports 80 and 443");
  }

  void take_max_body(const Directive& directive) {
    auto text = directive.arguments.empty() ? std::string() : directive.arguments.front();
    for (const auto& [unit, ours] : {std::pair{'k', "kB"}, {'m', "MB"}, {'g', "GB"}})
      if (text.ends_with(unit) || text.ends_with(static_cast<char>(std::toupper(unit)))) {
        text.pop_back();
        text += ours;
        break;
      }
    const auto size = config::parse_size(text);
    if (size && *size >= 1U << 10U && *size <= model::Bytes{64} << 30U)
      site_.max_body = *size;
    else
      cannot_tell(directive);
  }

  void take_password_file(const Directive& directive) {
    const auto path = directive.arguments.empty() ? std::string() : directive.arguments.front();
    if (config::is_absolute_path(path))
      site_.basic_auth = model::SecretFile{path, path};
    else
      cannot_tell(directive);
  }

  void take_certificate(const Directive& directive) {
    const auto path = directive.arguments.empty() ? std::string() : directive.arguments.front();
    if (!path.starts_with("/etc/letsencrypt/"))
      return cannot_tell(directive, "the certificate " + path +
                                        ": with [certificates] acme tandem gets one by ACME, without it one of the "
                                        "pair's own, which no browser knows");
    draft_.pair.certificates.acme = usual_acme;
    for (const auto& renewal : found_.in("/etc/letsencrypt/renewal"))
      if (const auto* line = parse_ini(*found_.file(renewal)).last("renewalparams", "server"))
        if (config::is_https_url(line->value)) draft_.pair.certificates.acme = line->value;
  }

  void take_location(const Directive& directive) {
    const auto& arguments = directive.arguments;
    const auto place = arguments.empty() ? std::string() : arguments.back();
    if (place.starts_with("/.well-known/acme-challenge")) return;
    const bool plain = arguments.size() == 1 || (arguments.size() == 2 && arguments[0] == "^~");
    if (plain && (directive.find("alias") != nullptr || directive.find("root") != nullptr) &&
        directive.find("uwsgi_pass") == nullptr)
      return take_files(directive, place);
    if (plain && (place == "/" || place.starts_with('@'))) {
      for (const auto& inner : directive.block)
        if (inner.name == "auth_basic_user_file")
          take_password_file(inner);
        else if (inner.name == "client_max_body_size")
          take_max_body(inner);
        else if (!is_among(inner.name, own_directives) && !is_usual_include(inner) && !is_redirect_to_tls(inner))
          cannot_tell(inner);
      return;
    }
    cannot_tell(directive);
  }

  void take_files(const Directive& directive, const std::string& place) {
    const auto* alias = directive.find("alias");
    const auto* root = directive.find("root");
    std::string path;
    if (alias != nullptr && !alias->arguments.empty())
      path = alias->arguments.front();
    else if (root != nullptr && !root->arguments.empty())
      path = without_slash(root->arguments.front()) + place;
    path = without_slash(path);
    const auto name = path.starts_with(folder_ + "/") ? path.substr(folder_.size() + 1) : std::string();
    const auto prefix = without_slash(place) + "/";
    const bool kept = std::ranges::find(site_.folders, name, &model::SiteFolder::name) != site_.folders.end();
    if (!kept || !config::is_serve_prefix(prefix))
      return cannot_tell(directive, "nginx serves " + place + " from " + (path.empty() ? "nowhere" : path) +
                                        ": tandem serves folders of the site that are not in its repository");
    site_.serve[prefix] = name;
    for (const auto& inner : directive.block)
      if (!is_among(inner.name, own_of_files)) cannot_tell(inner);
  }

  Draft& draft_;
  const Found& found_;
  const std::string& folder_;
  model::Site& site_;
  const std::string* file_ = nullptr;
};

// Debian's own default site names nobody.
bool is_example(const ServerBlock& block) {
  return block.sockets.empty() && block.redirects_to.empty() &&
         std::ranges::all_of(block.names, [](const std::string& name) { return name == "_" || name == "localhost"; });
}

} // namespace

bool ServerBlock::has_tls() const {
  for (const auto& inner : directive.block)
    if (inner.name == "listen" && std::ranges::find(inner.arguments, "ssl") != inner.arguments.end()) return true;
  return false;
}

std::vector<ServerBlock> find_servers(Draft& draft, const Found& found) {
  auto paths = found.in("/etc/nginx/conf.d");
  std::ranges::move(found.in("/etc/nginx/sites-enabled"), std::back_inserter(paths));
  std::vector<std::pair<std::string, NginxFile>> files;
  Upstreams upstreams;
  for (const auto& path : paths) {
    if (found.packaged.contains(path)) continue;
    files.emplace_back(path, parse_nginx(*found.file(path)));
    if (files.back().second.mistake != 0)
      draft.cannot_tell(path, files.back().second.mistake, "what nginx would not read either; the rest is passed over");
    for (const auto& directive : files.back().second.directives)
      if (directive.name == "upstream" && !directive.arguments.empty())
        for (const auto& inner : directive.block)
          if (inner.name == "server" && !inner.arguments.empty())
            upstreams[directive.arguments.front()].push_back(inner.arguments.front());
  }
  std::vector<ServerBlock> blocks;
  for (const auto& [path, file] : files)
    for (const auto& directive : file.directives) {
      if (directive.name == "upstream") continue;
      if (directive.name != "server") {
        draft.cannot_tell(path, directive.line, "nginx's \"" + directive.text() + "\": it stays as it is");
        continue;
      }
      ServerBlock block{.file = path, .directive = directive};
      for (const auto& inner : directive.block) {
        if (inner.name == "server_name")
          block.names.insert(block.names.end(), inner.arguments.begin(), inner.arguments.end());
        if (const auto host = redirect_of(inner); !host.empty()) block.redirects_to = host;
      }
      collect_sockets(directive, upstreams, block.sockets);
      if (!is_example(block)) blocks.push_back(std::move(block));
    }
  return blocks;
}

void draft_serving(Draft& draft, const Found& found, const std::vector<const ServerBlock*>& blocks,
                   const std::string& folder, model::Site& site) {
  Serving serving(draft, found, folder, site);
  for (const auto* block : blocks)
    serving.take(*block);
  if (std::ranges::none_of(blocks, [](const ServerBlock* block) { return block->has_tls(); }))
    draft.cannot_tell(blocks.front()->file, blocks.front()->directive.line,
                      site.domain + " is served without TLS: tandem leads every visitor to https");
}

} // namespace tandem::adopt
