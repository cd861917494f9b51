#include "agent/configuration.hpp"

#include "base/text.hpp"
#include "config/load.hpp"

#include <nlohmann/json.hpp>

#include <array>

namespace tandem::agent {

namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Folders that a secret's path needs below an existing one.
Result<void> make_folders_for(system::Files& files, const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  TANDEM_TRY(const auto status, files.status(folder));
  if (status) return {};
  TANDEM_CHECK(make_folders_for(files, folder));
  return files.make_folder(folder, 0700, {});
}

// Whether it was written; not when the same content lies there.
Result<bool> write_if_different(system::Files& files, const std::string& path, const std::string& content,
                                std::uint32_t mode) {
  const auto old = files.read(path);
  if (old && *old == content) return false;
  if (!old && old.error().kind != ErrorKind::not_found) return std::unexpected(old.error());
  TANDEM_CHECK(make_folders_for(files, path));
  TANDEM_CHECK(files.write(path, content, mode, {}));
  return true;
}

} // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8U | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      text += i + j > bytes.size() ? '=' : digits[group >> (18 - 6 * j) & 63U];
  }
  return text;
}

Result<std::string> from_base64(std::string_view text) {
  const auto wrong = [] { return fail(ErrorKind::invalid, "text that is no base64"); };
  if (text.size() % 4 != 0) return wrong();
  std::string bytes;
  while (!text.empty()) {
    const std::string_view quad = text.substr(0, 4);
    text.remove_prefix(4);
    const std::size_t padding = quad.ends_with("==") ? 2 : quad.ends_with("=") ? 1 : 0;
    if (padding > 0 && !text.empty()) return wrong();
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const auto value = j < 4 - padding ? digits.find(quad[j]) : 0;
      if (value == std::string_view::npos) return wrong();
      group = group << 6U | static_cast<std::uint32_t>(value);
    }
    for (std::size_t j = 0; j < 3 - padding; ++j)
      bytes += static_cast<char>(group >> (16 - 8 * j) & 255U);
  }
  return bytes;
}

Result<Configuration> parse_configuration(const std::string& path, const std::string& text,
                                          const config::SecretReader& secret) {
  config::Loaded loaded = config::load({path, text}, secret);
  if (loaded.pair)
    return Configuration{std::make_shared<const model::Pair>(*std::move(loaded.pair)), text, std::move(loaded.secrets)};
  return fail(ErrorKind::invalid, config::format(loaded.problems),
              "`tandem check` says the same after each change of the file");
}

namespace {

Result<Configuration> load_configuration(system::Files& files, const std::string& path, bool with_contents) {
  auto text = files.read(path);
  if (!text && text.error().kind == ErrorKind::not_found)
    return fail(ErrorKind::not_found, fmt::format("there is no {}", path),
                "Write it first: /usr/share/doc/tandem/configuration.md tells what it may say");
  if (!text) return std::unexpected(std::move(text).error());
  return parse_configuration(path, *text, [&](const std::string& secret) -> std::optional<config::SecretFound> {
    auto content = files.read(secret);
    if (!content) return std::nullopt;
    return with_contents ? config::SecretFound(*std::move(content)) : config::SecretFound(std::nullopt);
  });
}

} // namespace

Result<Configuration> read_configuration(system::Files& files, const std::string& path) {
  return load_configuration(files, path, false);
}

Result<Configuration> check_configuration(system::Files& files, const std::string& path) {
  return load_configuration(files, path, true);
}

Result<peer::Json> pack(system::Files& files, const Configuration& configuration) {
  peer::Json secrets = peer::Json::array();
  for (const auto& secret : configuration.secrets) {
    TANDEM_TRY(const std::string content, files.read(secret.path));
    secrets.push_back({{"path", secret.path}, {"data", to_base64(content)}});
  }
  return peer::Json{{"text", configuration.text}, {"secrets", std::move(secrets)}};
}

Result<Packed> unpack(const peer::Json& value, const std::string& path) {
  Packed packed;
  TANDEM_TRY(const std::string text, peer::text_member(value, "text"));
  if (!value.contains("secrets") || !value["secrets"].is_array())
    return fail(ErrorKind::invalid, "a configuration without its secrets");
  for (const auto& secret : value["secrets"]) {
    TANDEM_TRY(const std::string secret_path, peer::text_member(secret, "path"));
    TANDEM_TRY(const std::string data, peer::text_member(secret, "data"));
    TANDEM_TRY(packed.secrets[secret_path], from_base64(data));
  }
  TANDEM_TRY(packed.configuration, parse_configuration(path, text, [&](const std::string& secret) {
               const auto found = packed.secrets.find(secret);
               return found == packed.secrets.end() ? std::nullopt : std::optional(found->second);
             }));
  for (const auto& [secret_path, content] : packed.secrets) {
    const auto named = [&](const model::SecretFile& secret) { return secret.path == secret_path; };
    if (std::ranges::none_of(packed.configuration.secrets, named))
      return fail(ErrorKind::refused, fmt::format("{} is not a file that tandem.toml names", secret_path));
  }
  return packed;
}

Result<bool> install(system::Files& files, const std::string& path, const Packed& packed) {
  bool changed = false;
  for (const auto& [secret_path, content] : packed.secrets) {
    TANDEM_TRY(const bool written, write_if_different(files, secret_path, content, 0600));
    changed = changed || written;
  }
  const auto old = files.read(path);
  if (old && *old != packed.configuration.text) TANDEM_CHECK(files.write(path + ".old", *old, 0600, {}));
  TANDEM_TRY(const bool written, write_if_different(files, path, packed.configuration.text, 0644));
  return changed || written;
}

} // namespace tandem::agent
