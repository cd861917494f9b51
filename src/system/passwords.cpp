#include "system/passwords.hpp"

#include <crypt.h>

#include <cstring>
#include <memory>

namespace tandem::system {

namespace {

constexpr auto* method = "$6$"; // sha512crypt

// Its own, since crypt()'s is shared by all threads.
Result<std::string> crypted(const std::string& password, const std::string& setting) {
  const auto data = std::make_unique<crypt_data>();
  const char* hash = crypt_rn(password.c_str(), setting.c_str(), data.get(), sizeof *data);
  if (hash == nullptr) return failed(std::string("hashing a password: ") + std::strerror(errno));
  std::string text = hash;
  explicit_bzero(data.get(), sizeof *data);
  return text;
}

} // namespace

Result<std::string> hash_password(const std::string& password) {
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  if (crypt_gensalt_rn(method, 0, nullptr, 0, setting.data(), setting.size()) == nullptr)
    return failed(std::string("making a salt: ") + std::strerror(errno));
  return crypted(password, setting.data());
}

bool password_fits(const std::string& password, std::string_view field) {
  if (field.starts_with('!')) field.remove_prefix(1); // locked by usermod --lock, which keeps what it was
  if (!field.starts_with(method)) return false;
  const auto hash = crypted(password, std::string(field));
  return hash && *hash == field;
}

} // namespace tandem::system
