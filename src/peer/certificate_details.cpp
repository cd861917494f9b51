#include "peer/certificate_details.hpp"

#include "peer/openssl.hpp"

#include <arpa/inet.h>

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

} // namespace

Result<CertificateDetails> certificate_details(const std::string& pem) {
  TANDEM_TRY(const auto certificate, openssl::read_certificate(pem));
  CertificateDetails details{.names = {openssl::subject_entry(certificate.get(), NID_commonName)},
                             .not_before = time_of(X509_get0_notBefore(certificate.get())),
                             .not_after = time_of(X509_get0_notAfter(certificate.get()))};
  for (auto& name : alternative_names(certificate.get()))
    if (std::ranges::find(details.names, name) == details.names.end()) details.names.push_back(std::move(name));
  return details;
}

Result<bool> is_signed_by(const std::string& pem, const std::string& authority) {
  TANDEM_TRY(const auto certificate, openssl::read_certificate(pem));
  TANDEM_TRY(const auto issuer, openssl::read_certificate(authority));
  const bool is_signed = X509_verify(certificate.get(), X509_get0_pubkey(issuer.get())) == 1;
  ERR_clear_error();
  return is_signed;
}

} // namespace tandem::peer
