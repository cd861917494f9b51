// Addresses, ssh keys and repositories.
#include "base/text.hpp"
#include "config/syntax.hpp"

#include <arpa/inet.h>

#include <array>

namespace tandem::config {

namespace {

template <class Address>
std::optional<Address> to_address(int family, std::string_view text) {
  Address address{};
  if (text.size() > INET6_ADDRSTRLEN || text.contains('\0')) return std::nullopt;
  if (inet_pton(family, std::string(text).c_str(), &address) != 1) return std::nullopt;
  return address;
}

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const auto padding = text.ends_with("==") ? 2U : text.ends_with("=") ? 1U : 0U;
  std::string bytes;
  std::uint32_t bits = 0;
  std::size_t count = 0;
  for (const char digit : text.substr(0, text.size() - padding)) {
    const auto value = base64_digits.find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>((bits >> count) & 0xFFU);
    }
  }
  return bytes;
}

// The first length-prefixed field of an ssh key, taken off; nullopt when it is cut short.
std::optional<std::string_view> take_field(std::string_view& bytes) {
  if (bytes.size() < 4) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i)
    length = (length << 8U) | static_cast<unsigned char>(bytes[i]);
  bytes.remove_prefix(4);
  if (length > bytes.size()) return std::nullopt;
  const auto field = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return field;
}

// "TYPE BASE64[ COMMENT]" whose inside names the same type and is complete.
bool is_key_body(std::string_view text) {
  constexpr std::array<std::string_view, 7> types = {"ssh-ed25519",
                                                     "ssh-rsa",
                                                     "ecdsa-sha2-nistp256",
                                                     "ecdsa-sha2-nistp384",
                                                     "ecdsa-sha2-nistp521",
                                                     "sk-ssh-ed25519@openssh.com",
                                                     "sk-ecdsa-sha2-nistp256@openssh.com"};
  const auto words = split(text, ' ');
  if (words.size() < 2 || std::ranges::find(types, words[0]) == types.end()) return false;
  const auto blob = from_base64(words[1]);
  if (!blob) return false;
  std::string_view rest = *blob;
  if (take_field(rest) != std::string_view(words[0])) return false;
  std::size_t fields = 0;
  for (; !rest.empty(); ++fields)
    if (!take_field(rest)) return false;
  return fields > 0;
}

// What precedes the first blank, and what follows it.
std::pair<std::string_view, std::string_view> at_blank(std::string_view text) {
  const auto blank = text.find(' ');
  if (blank == std::string_view::npos) return {text, {}};
  return {text.substr(0, blank), text.substr(blank + 1)};
}

// No part of a URL that a program could take for an option, and no password in it.
bool is_safe_authority(std::string_view url_rest) {
  const auto authority = url_rest.substr(0, url_rest.find('/'));
  const auto at = authority.find('@');
  if (authority.starts_with('-')) return false;
  if (at == std::string_view::npos) return true;
  return !authority.substr(0, at).contains(':') && !authority.substr(at + 1).starts_with('-');
}

bool is_plain(std::string_view text, std::string_view others) {
  return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
    return c < 0x80U && (std::isalnum(c) != 0 || others.contains(static_cast<char>(c)));
  });
}

} // namespace

bool is_ipv4(std::string_view text) {
  const auto address = to_address<in_addr>(AF_INET, text);
  return address && address->s_addr != 0 && ntohl(address->s_addr) < 0xE0000000U;
}

bool is_ipv6(std::string_view text) {
  const auto address = to_address<in6_addr>(AF_INET6, text);
  return address && !IN6_IS_ADDR_UNSPECIFIED(&*address) && !IN6_IS_ADDR_MULTICAST(&*address);
}

bool is_address(std::string_view text) {
  return is_ipv4(text) || is_ipv6(text);
}

std::string canonical_address(std::string_view text) {
  const auto address = to_address<in6_addr>(AF_INET6, text);
  std::array<char, INET6_ADDRSTRLEN> spelled{};
  if (!address || inet_ntop(AF_INET6, &*address, spelled.data(), spelled.size()) == nullptr) return std::string(text);
  return spelled.data();
}

bool is_ssh_key(std::string_view text) {
  return is_key_body(text);
}

bool is_known_host(std::string_view text) {
  const auto [hosts, key] = at_blank(text);
  return is_plain(hosts, ".,-_:[]*?|+/=") && is_key_body(key);
}

bool is_repository(std::string_view text) {
  if (text.size() > 2048) return false;
  for (const std::string_view scheme : {"ssh://", "https://", "http://", "file:///"})
    if (text.starts_with(scheme)) {
      const auto rest = text.substr(scheme.size());
      return is_plain(rest, "/._~-%:@[]+") && is_safe_authority(rest) && (scheme == "file:///" || rest.contains('/'));
    }
  // USER@HOST:PATH, as ssh spells it
  const auto at = text.find('@');
  const auto colon = text.find(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon < at) return false;
  const auto user = text.substr(0, at);
  const auto path = text.substr(colon + 1);
  return is_plain(user, "._-") && user.front() != '-' && is_host(text.substr(at + 1, colon - at - 1)) &&
         is_plain(path, "/._~-%+") && path.front() != '-';
}

std::string ssh_host(std::string_view repository) {
  constexpr std::string_view scheme = "ssh://";
  if (repository.starts_with(scheme)) {
    auto authority = repository.substr(scheme.size());
    authority = authority.substr(0, authority.find('/'));
    if (const auto at = authority.find('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
    if (authority.starts_with('[')) return std::string(authority.substr(1, authority.find(']') - 1));
    return std::string(authority.substr(0, authority.find(':')));
  }
  if (repository.contains("://")) return {};
  const auto at = repository.find('@');
  const auto colon = repository.find(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon < at) return {};
  return std::string(repository.substr(at + 1, colon - at - 1));
}

bool known_host_names(std::string_view line, std::string_view host) {
  const auto [hosts, key] = at_blank(line);
  if (hosts.starts_with('|')) return true; // hashed: cannot be told
  for (const auto& name : split(hosts, ','))
    if (name == host || name.starts_with("[" + std::string(host) + "]:")) return true;
  return false;
}

} // namespace tandem::config
