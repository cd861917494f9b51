// OpenSSL's objects with owners, for the sources of this folder only.
#pragma once
#include "base/result.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace tandem::peer::openssl {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using SigningRequest = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;

// "what: the library's own reason".
inline std::unexpected<Error> error(const std::string& what, ErrorKind kind = ErrorKind::failed) {
  const unsigned long code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return fail(kind, reason == nullptr ? what : what + ": " + reason);
}

Result<Certificate> read_certificate(const std::string& pem);
Result<Key> read_key(const std::string& pem);
Result<SigningRequest> read_request(const std::string& pem);
// One entry of a subject ("CN", "OU"); empty when there is none, or more than one.
std::string subject_entry(const X509* certificate, int nid);
// SHA-256 over the DER form, in hexadecimal.
std::string fingerprint_of(const X509* certificate);

} // namespace tandem::peer::openssl
