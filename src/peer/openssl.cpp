#include "peer/openssl.hpp"

#include "base/text.hpp"

#include <array>

namespace tandem::peer::openssl {

namespace {

template <class Owner, class Read>
Result<Owner> read_pem(const std::string& pem, const char* what, Read read) {
  ERR_clear_error();
  const Bio source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // The empty password keeps the library from asking on a terminal.
  Owner object(source ? read(source.get(), nullptr, nullptr, const_cast<char*>("")) : nullptr);
  if (!object) return error(std::string("reading ") + what, ErrorKind::invalid);
  return object;
}

} // namespace

Result<Certificate> read_certificate(const std::string& pem) {
  return read_pem<Certificate>(pem, "a certificate", PEM_read_bio_X509);
}

Result<Key> read_key(const std::string& pem) {
  return read_pem<Key>(pem, "a private key", PEM_read_bio_PrivateKey);
}

Result<SigningRequest> read_request(const std::string& pem) {
  return read_pem<SigningRequest>(pem, "a signing request", PEM_read_bio_X509_REQ);
}

std::string subject_entry(const X509* certificate, int nid) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, nid, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, nid, at) >= 0) return {};
  const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<std::size_t>(ASN1_STRING_length(value))};
}

std::string fingerprint_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  X509_digest(certificate, EVP_sha256(), digest.data(), &size);
  return to_hex(std::span(digest).first(size));
}

} // namespace tandem::peer::openssl
