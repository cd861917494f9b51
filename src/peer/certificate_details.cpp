#include "peer/certificate_details.hpp"

#include "peer/openssl.hpp"
#include "system/descriptor.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>

namespace tandem::peer {

namespace {

using GeneralNames = std::unique_ptr<GENERAL_NAMES, openssl::Deleter<GENERAL_NAMES_free>>;

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

// An address lies in a certificate as 4 or 16 bytes; anything else there is no address.
std::string address_of(const ASN1_STRING* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(bytes) != 16) return {};
  if (::inet_ntop(family, ASN1_STRING_get0_data(bytes), text.data(), text.size()) == nullptr) return {};
  return text.data();
}

std::vector<std::string> alternative_names(const X509* certificate) {
  const GeneralNames names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> found;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) found.push_back(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) found.push_back(address_of(name->d.iPAddress));
  }
  return found;
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm broken{};
  ASN1_TIME_to_tm(time, &broken);
  return std::chrono::system_clock::from_time_t(::timegm(&broken));
}

std::string issuer_of(const X509* certificate) {
  X509_NAME* issuer = X509_get_issuer_name(certificate);
  for (const int nid : {NID_commonName, NID_organizationName}) {
    const int at = X509_NAME_get_index_by_NID(issuer, nid, -1);
    if (at >= 0) return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(issuer, at)));
  }
  return {};
}

using Context = std::unique_ptr<SSL_CTX, openssl::Deleter<SSL_CTX_free>>;
using Tls = std::unique_ptr<SSL, openssl::Deleter<SSL_free>>;

Result<system::Descriptor> connect_within(const std::string& address, std::uint16_t port,
                                          std::chrono::milliseconds limit) {
  sockaddr_in end{};
  end.sin_family = AF_INET;
  end.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &end.sin_addr) != 1)
    return fail(ErrorKind::invalid, address + " is no IPv4 address");
  system::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return system::system_error("a socket");
  const timeval bound{limit.count() / 1000, limit.count() % 1000 * 1000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&end), sizeof end) != 0)
    return system::system_error(fmt::format("connecting to {} port {}", address, port));
  return socket;
}

} // namespace

Result<CertificateDetails> certificate_details(const std::string& pem) {
  TANDEM_TRY(const auto certificate, openssl::read_certificate(pem));
  CertificateDetails details{.names = {openssl::subject_entry(certificate.get(), NID_commonName)},
                             .not_before = time_of(X509_get0_notBefore(certificate.get())),
                             .not_after = time_of(X509_get0_notAfter(certificate.get())),
                             .issuer = issuer_of(certificate.get()),
                             .fingerprint = openssl::fingerprint_of(certificate.get())};
  if (details.names.front().empty()) details.names.clear(); // newer authorities give alternative names alone
  for (auto& name : alternative_names(certificate.get()))
    if (std::ranges::find(details.names, name) == details.names.end()) details.names.push_back(std::move(name));
  return details;
}

Result<void> check_key(const std::string& pem) {
  TANDEM_TRY(const auto certificate, openssl::read_certificate(pem));
  TANDEM_TRY(const auto key, openssl::read_key(pem));
  if (X509_check_private_key(certificate.get(), key.get()) == 1) return {};
  ERR_clear_error();
  return fail(ErrorKind::invalid, "the key does not fit the certificate");
}

Result<std::string> served_fingerprint(const std::string& address, std::uint16_t port, const std::string& name,
                                       std::chrono::milliseconds limit) {
  TANDEM_TRY(const auto socket, connect_within(address, port, limit));
  const Context context(SSL_CTX_new(TLS_client_method()));
  const Tls tls(context ? SSL_new(context.get()) : nullptr);
  if (!tls) return openssl::error("a TLS connection");
  SSL_set_verify(tls.get(), SSL_VERIFY_NONE, nullptr);
  SSL_set_tlsext_host_name(tls.get(), name.c_str());
  SSL_set_fd(tls.get(), socket.get());
  if (SSL_connect(tls.get()) != 1) return openssl::error("TLS with " + address + " for " + name);
  const openssl::Certificate shown(SSL_get1_peer_certificate(tls.get()));
  SSL_shutdown(tls.get());
  if (!shown) return failed(address + " shows no certificate for " + name);
  return openssl::fingerprint_of(shown.get());
}

Result<bool> is_signed_by(const std::string& pem, const std::string& authority) {
  TANDEM_TRY(const auto certificate, openssl::read_certificate(pem));
  TANDEM_TRY(const auto issuer, openssl::read_certificate(authority));
  const bool is_signed = X509_verify(certificate.get(), X509_get0_pubkey(issuer.get())) == 1;
  ERR_clear_error();
  return is_signed;
}

} // namespace tandem::peer
