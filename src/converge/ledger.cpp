#include "converge/ledger.hpp"

#include "base/text.hpp"

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include <array>

namespace tandem::converge {

namespace {

constexpr int version = 1;

} // namespace

std::string name_of(ReactionKind kind) {
  switch (kind) {
  case ReactionKind::reload_manager:
    return "reload-manager";
  case ReactionKind::reload:
    return "reload";
  case ReactionKind::renew:
    return "renew";
  case ReactionKind::restart:
    return "restart";
  }
  return {};
}

Result<ReactionKind> reaction_kind_of(const std::string& name) {
  for (const auto kind :
       {ReactionKind::reload_manager, ReactionKind::reload, ReactionKind::restart, ReactionKind::renew})
    if (name_of(kind) == name) return kind;
  return failed("unknown reaction " + name);
}

std::string content_hash(const std::string& content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_Digest(content.data(), content.size(), digest.data(), &length, EVP_sha256(), nullptr);
  return to_hex(std::span(digest).first(length));
}

Result<void> Ledger::load(system::Files& files) {
  hashes_.clear();
  open_.clear();
  owed_.clear();
  const auto text = files.read(path_);
  if (!text && text.error().kind == ErrorKind::not_found) return {};
  if (!text) return std::unexpected(text.error());
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  const std::string hint =
      "Restore it from the other server or move it away; then tandem treats all files as not its own.";
  if (json.is_discarded() || !json.is_object()) return failed(path_ + " is damaged", hint);
  if (json.value("version", 0) != version)
    return failed(fmt::format("{} has version {}, this tandem knows {}", path_, json.value("version", 0), version),
                  "Install the newer tandem on this server too.");
  try {
    hashes_ = json.at("files").get<decltype(hashes_)>();
    open_ = json.value("open", decltype(open_){}); // added later than the rest, within the same version
    for (const auto& entry : json.at("owed")) {
      TANDEM_TRY(const auto kind, reaction_kind_of(entry.at("kind").get<std::string>()));
      owed_.insert({kind, entry.at("unit").get<std::string>()});
    }
  } catch (const nlohmann::json::exception& error) {
    return failed(path_ + " is damaged: " + error.what(), hint);
  }
  return {};
}

Result<void> Ledger::save(system::Files& files) const {
  nlohmann::json owed = nlohmann::json::array();
  for (const auto& reaction : owed_)
    owed.push_back({{"kind", name_of(reaction.kind)}, {"unit", reaction.unit}});
  const nlohmann::json json{{"version", version}, {"files", hashes_}, {"open", open_}, {"owed", std::move(owed)}};
  return files.write(path_, json.dump(1) + "\n", 0600, {});
}

Authorship Ledger::author(const std::string& path, const std::string& content) const {
  const auto known = hashes_.find(path);
  if (known == hashes_.end()) return Authorship::elsewhere;
  const auto hash = content_hash(content);
  return std::ranges::find(known->second, hash) != known->second.end() ? Authorship::tandem : Authorship::edited;
}

void Ledger::expect(const std::string& path, const std::string& content) {
  auto& hashes = hashes_[path];
  const auto hash = content_hash(content);
  if (std::ranges::find(hashes, hash) == hashes.end()) hashes.push_back(hash);
  open_.insert(path);
}

void Ledger::settle(const std::string& path, const std::string& content) {
  hashes_[path] = {content_hash(content)};
  open_.erase(path);
}

void Ledger::forget(const std::string& path) {
  hashes_.erase(path);
  open_.erase(path);
}

} // namespace tandem::converge
