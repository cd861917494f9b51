#include "peer/authority.hpp"

#include "base/text.hpp"
#include "peer/openssl.hpp"

#include <arpa/inet.h>
#include <openssl/rand.h>

#include <array>
#include <ctime>

namespace tandem::peer {

using namespace openssl;

struct Authority::Parts {
  Certificate certificate;
  Key key;
};

namespace {

constexpr std::chrono::hours backdated{24};

template <class Write>
std::string pem_from(Write write) {
  const Bio sink(BIO_new(BIO_s_mem()));
  if (!sink || write(sink.get()) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(sink.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string pem_of(const X509* certificate) {
  return pem_from([&](BIO* sink) { return PEM_write_bio_X509(sink, certificate); });
}

std::string pem_of(const EVP_PKEY* key) {
  return pem_from(
      [&](BIO* sink) { return PEM_write_bio_PKCS8PrivateKey(sink, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

Result<Key> new_key() {
  Key key(EVP_EC_gen("P-256"));
  if (!key) return error("making a key");
  return key;
}

bool set_times(X509* certificate, WallTime now, std::chrono::seconds lifetime) {
  const std::time_t from = std::chrono::system_clock::to_time_t(now - backdated);
  const std::time_t until = std::chrono::system_clock::to_time_t(now + lifetime);
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), until) != nullptr;
}

bool set_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] &= 0x7f; // positive
  const std::unique_ptr<BIGNUM, Deleter<BN_free>> number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

// X.509 allows 64 characters; a longer domain stands in the alternative names alone.
bool add_entry(X509_NAME* name, int nid, const std::string& text) {
  if (text.empty() || text.size() > 64) return true;
  return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Names go into the extension as objects, not as configuration text, so that no name can smuggle in another.
bool add_alternative_names(X509* certificate, const Subject& subject) {
  if (subject.dns_names.empty() && subject.addresses.empty()) return true;
  const std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>> names(GENERAL_NAMES_new());
  const auto add = [&](int type, ASN1_STRING* value, const void* data, std::size_t size) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    if (ASN1_STRING_set(value, data, static_cast<int>(size)) != 1) return false;
    GENERAL_NAME_set0_value(name, type, value);
    return sk_GENERAL_NAME_push(names.get(), name) > 0;
  };
  for (const auto& name : subject.dns_names)
    if (!add(GEN_DNS, ASN1_IA5STRING_new(), name.data(), name.size())) return false;
  for (const auto& address : subject.addresses) {
    std::array<unsigned char, 16> bytes{};
    const bool v6 = address.find(':') != std::string::npos;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data()) != 1) return false;
    if (!add(GEN_IPADD, ASN1_OCTET_STRING_new(), bytes.data(), v6 ? 16 : 4)) return false;
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

bool describe_leaf(X509* certificate, X509* issuer, const Subject& subject) {
  const char* usage = subject.serves && subject.connects ? "serverAuth,clientAuth"
                      : subject.serves                   ? "serverAuth"
                                                         : "clientAuth";
  return add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
         add_extension(certificate, issuer, NID_ext_key_usage, usage) &&
         add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
         add_extension(certificate, issuer, NID_authority_key_identifier, "keyid") &&
         add_alternative_names(certificate, subject);
}

Result<Certificate> certify(EVP_PKEY* subject_key, const Subject& subject, X509* issuer, EVP_PKEY* issuer_key,
                            WallTime now, std::chrono::seconds lifetime) {
  Certificate certificate(X509_new());
  X509* raw = certificate.get();
  const bool ok = raw != nullptr && X509_set_version(raw, X509_VERSION_3) == 1 && set_serial(raw) &&
                  set_times(raw, now, lifetime) && X509_set_pubkey(raw, subject_key) == 1 &&
                  add_entry(X509_get_subject_name(raw), NID_commonName, subject.name) &&
                  add_entry(X509_get_subject_name(raw), NID_organizationalUnitName, subject.unit) &&
                  X509_set_issuer_name(raw, X509_get_subject_name(issuer)) == 1 &&
                  describe_leaf(raw, issuer, subject) && X509_sign(raw, issuer_key, EVP_sha256()) > 0;
  if (!ok) return error("making a certificate for " + subject.name);
  return certificate;
}

Result<Certificate> certify_authority(const std::string& name, EVP_PKEY* key, WallTime now,
                                      std::chrono::seconds lifetime) {
  Certificate certificate(X509_new());
  X509* raw = certificate.get();
  const bool ok = raw != nullptr && X509_set_version(raw, X509_VERSION_3) == 1 && set_serial(raw) &&
                  set_times(raw, now, lifetime) && X509_set_pubkey(raw, key) == 1 &&
                  add_entry(X509_get_subject_name(raw), NID_commonName, "tandem pair " + name) &&
                  X509_set_issuer_name(raw, X509_get_subject_name(raw)) == 1 &&
                  add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                  add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                  add_extension(raw, raw, NID_subject_key_identifier, "hash") && X509_sign(raw, key, EVP_sha256()) > 0;
  if (!ok) return error("making the certificate authority of " + name);
  return certificate;
}

} // namespace

Authority::Authority(std::unique_ptr<Parts> parts, std::string certificate, std::string key)
    : parts_(std::move(parts)), certificate_(std::move(certificate)), key_(std::move(key)) {}

Authority::~Authority() = default;
Authority::Authority(Authority&&) noexcept = default;
Authority& Authority::operator=(Authority&&) noexcept = default;

Result<Authority> Authority::make(const std::string& pair_name, WallTime now, std::chrono::seconds lifetime) {
  auto parts = std::make_unique<Parts>();
  TANDEM_TRY(parts->key, new_key());
  TANDEM_TRY(parts->certificate, certify_authority(pair_name, parts->key.get(), now, lifetime));
  std::string certificate = pem_of(parts->certificate.get());
  std::string key = pem_of(parts->key.get());
  return Authority(std::move(parts), std::move(certificate), std::move(key));
}

Result<Authority> Authority::load(const std::string& certificate, const std::string& key) {
  auto parts = std::make_unique<Parts>();
  TANDEM_TRY(parts->certificate, read_certificate(certificate));
  TANDEM_TRY(parts->key, read_key(key));
  if (X509_check_private_key(parts->certificate.get(), parts->key.get()) != 1)
    return error("the authority's key does not belong to its certificate", ErrorKind::invalid);
  if (X509_check_ca(parts->certificate.get()) == 0)
    return fail(ErrorKind::invalid, "the authority's certificate may not sign others");
  return Authority(std::move(parts), certificate, key);
}

Result<CertifiedKey> Authority::issue(const Subject& subject, WallTime now, std::chrono::seconds lifetime) const {
  TANDEM_TRY(const Key key, new_key());
  TANDEM_TRY(const Certificate certificate,
             certify(key.get(), subject, parts_->certificate.get(), parts_->key.get(), now, lifetime));
  return CertifiedKey{pem_of(certificate.get()), pem_of(key.get())};
}

Result<std::string> Authority::sign(const std::string& request, const Subject& subject, WallTime now,
                                    std::chrono::seconds lifetime) const {
  TANDEM_TRY(const SigningRequest parsed, read_request(request));
  EVP_PKEY* key = X509_REQ_get0_pubkey(parsed.get());
  if (key == nullptr || X509_REQ_verify(parsed.get(), key) != 1)
    return error("a signing request that does not prove its key", ErrorKind::invalid);
  TANDEM_TRY(const Certificate certificate,
             certify(key, subject, parts_->certificate.get(), parts_->key.get(), now, lifetime));
  return pem_of(certificate.get());
}

Subject server_subject(const std::string& server, std::vector<std::string> addresses) {
  return {server, server_unit, {server}, std::move(addresses), true, true};
}

Subject site_subject(const std::string& domain, const std::vector<std::string>& aliases) {
  Subject subject{domain, site_unit, {domain}, {}, true, false};
  subject.dns_names.insert(subject.dns_names.end(), aliases.begin(), aliases.end());
  return subject;
}

Result<std::string> make_key() {
  TANDEM_TRY(const Key key, new_key());
  return pem_of(key.get());
}

Result<std::string> make_request(const std::string& key, const std::string& name) {
  TANDEM_TRY(const Key parsed, read_key(key));
  const SigningRequest request(X509_REQ_new());
  X509_REQ* raw = request.get();
  if (raw == nullptr || X509_REQ_set_version(raw, X509_REQ_VERSION_1) != 1 ||
      !add_entry(X509_REQ_get_subject_name(raw), NID_commonName, name) || X509_REQ_set_pubkey(raw, parsed.get()) != 1 ||
      X509_REQ_sign(raw, parsed.get(), EVP_sha256()) <= 0)
    return error("making a signing request");
  return pem_from([&](BIO* sink) { return PEM_write_bio_X509_REQ(sink, raw); });
}

Result<std::string> fingerprint(const std::string& certificate) {
  TANDEM_TRY(const Certificate parsed, read_certificate(certificate));
  return fingerprint_of(parsed.get());
}

Result<std::string> request_key_fingerprint(const std::string& request) {
  TANDEM_TRY(const SigningRequest parsed, read_request(request));
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(X509_REQ_get0_pubkey(parsed.get()), &der);
  if (size <= 0) return error("reading a signing request's key", ErrorKind::invalid);
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return sha256(bytes);
}

Result<WallTime> expiry(const std::string& certificate) {
  TANDEM_TRY(const Certificate parsed, read_certificate(certificate));
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(parsed.get()), &time) != 1)
    return error("reading a certificate's end", ErrorKind::invalid);
  return std::chrono::system_clock::from_time_t(timegm(&time));
}

Result<std::string> common_name(const std::string& certificate) {
  TANDEM_TRY(const Certificate parsed, read_certificate(certificate));
  return subject_entry(parsed.get(), NID_commonName);
}

Result<void> check_identity(const std::string& certificate, const std::string& key, const std::string& authority,
                            WallTime now) {
  TANDEM_TRY(const Certificate leaf, read_certificate(certificate));
  TANDEM_TRY(const Key private_key, read_key(key));
  TANDEM_TRY(const Certificate issuer, read_certificate(authority));
  if (X509_check_private_key(leaf.get(), private_key.get()) != 1)
    return error("the certificate does not belong to the key", ErrorKind::invalid);
  const Store store(X509_STORE_new());
  const StoreContext context(X509_STORE_CTX_new());
  if (!store || !context || X509_STORE_add_cert(store.get(), issuer.get()) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr) != 1)
    return error("checking a certificate");
  X509_STORE_CTX_set_time(context.get(), 0, std::chrono::system_clock::to_time_t(now));
  if (X509_verify_cert(context.get()) != 1)
    return fail(ErrorKind::invalid,
                fmt::format("the certificate is not one of this pair: {}",
                            X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()))));
  return {};
}

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return to_hex(std::span(digest).first(size));
}

Result<std::string> random_hex(std::size_t bytes) {
  std::vector<unsigned char> random(bytes);
  if (RAND_bytes(random.data(), static_cast<int>(bytes)) != 1) return error("asking for random bytes");
  return to_hex(random);
}

} // namespace tandem::peer
