#include "model/places.hpp"
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

using converge::ReactionKind;

bool by_acme(const View& view) {
  return !view.pair.certificates.acme.empty();
}

} // namespace

// The key by which the name server knows the pair.
void add_dns(Resources& out, const View& view) {
  const auto& dns = view.pair.dns;
  if (dns.provider != "rfc2136" || !dns.key_file) return;
  out.push_back({.kind = converge::File{.path = model::dns_key,
                                        .content = view.secrets.at(dns.key_file->path),
                                        .mode = 0600,
                                        .secret = true},
                 .why = "dns.key_file"});
}

// Until a site has one that browsers trust, and where none is asked for: one of the pair's own authority.
void add_certificates(Resources& out, const View& view) {
  out.push_back({.kind = converge::Folder{.path = "/etc/tandem/certificates", .mode = 0755}, .why = "HTTPS"});
  for (const auto& site : view.pair.sites) {
    std::vector<std::string> names{site.domain};
    names.insert(names.end(), site.aliases.begin(), site.aliases.end());
    const auto path = model::certificate_path(site.domain);
    out.push_back({.kind =
                       converge::Certificate{
                           .path = path, .key_path = path, .names = std::move(names), .temporary = by_acme(view)},
                   .why = "HTTPS of " + site.domain,
                   .reactions = {{ReactionKind::reload, "nginx.service"}}});
  }
  if (!by_acme(view)) return;
  out.push_back({.kind = converge::Folder{.path = model::challenge_folder, .mode = 0755}, .why = "certificates"});
  if (const auto& bundle = view.pair.certificates.ca_bundle)
    out.push_back({.kind = converge::File{.path = model::acme_bundle, .content = view.secrets.at(bundle->path)},
                   .why = "certificates.ca_bundle"});
}

// An ACME server asks whichever server the name leads it to; what certbot has put down lies on the primary.
std::string challenge_text(const View& view) {
  if (!by_acme(view)) return {};
  std::string text = fmt::format("    location ^~ /.well-known/acme-challenge/ {{\n        root {};\n"
                                 "        default_type text/plain;\n        try_files $uri @tandem_challenge;\n    }}\n"
                                 "    location @tandem_challenge {{\n        set $tandem_asked \"\";\n",
                                 model::challenge_folder);
  for (const auto& server : view.pair.servers)
    if (server.name != view.self)
      text += fmt::format("        if (-f /run/tandem/follows/{}) {{\n            set $tandem_asked {};\n        }}\n",
                          server.name, server.peer_address);
  return text + "        if ($http_x_tandem_hop) {\n            set $tandem_asked \"\";\n        }\n"
                "        if ($tandem_asked = \"\") {\n            return 404;\n        }\n"
                "        proxy_set_header Host $host;\n        proxy_set_header X-Tandem-Hop 1;\n"
                "        proxy_pass http://$tandem_asked;\n    }\n";
}

} // namespace tandem::setup
