#include "journal/state_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace tandem::journal {

using Json = nlohmann::ordered_json;

namespace {

std::string wrapped(const std::string& kind, int version, Json content) {
  Json json;
  json["tandem"] = kind;
  json["version"] = version;
  json["content"] = std::move(content);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace

std::string wrap(const std::string& kind, int version, const std::string& content) {
  return wrapped(kind, version, Json::parse(content, nullptr, false));
}

Result<Versioned> unwrap(const std::string& kind, int newest, const std::string& text) {
  const auto json = Json::parse(text, nullptr, false);
  const bool shaped = json.is_object() && json.contains("tandem") && json["tandem"].is_string() &&
                      json.contains("version") && json["version"].is_number_integer() && json.contains("content");
  if (!shaped) return fail(ErrorKind::invalid, "this is not a state file of tandem", "Restore it from its copy");
  if (json["tandem"].get<std::string>() != kind) {
    return fail(ErrorKind::invalid,
                fmt::format("it holds \"{}\" where \"{}\" is expected", json["tandem"].get<std::string>(), kind));
  }
  const auto version = json["version"].get<std::int64_t>();
  if (version > newest) {
    return fail(ErrorKind::invalid,
                fmt::format("its version is {}, and this tandem knows versions up to {}", version, newest),
                "A newer tandem wrote it: install that version on this server");
  }
  if (version < 1) return fail(ErrorKind::invalid, fmt::format("its version {} does not exist", version));
  return Versioned{static_cast<int>(version), json["content"].dump(-1, ' ', false, Json::error_handler_t::replace)};
}

Result<std::optional<Versioned>> StateFile::load() const {
  auto text = files_->read(path_);
  if (!text) {
    if (text.error().kind == ErrorKind::not_found) return std::nullopt;
    return std::unexpected(std::move(text).error().within("reading " + path_));
  }
  auto value = unwrap(kind_, version_, *text);
  if (!value) return std::unexpected(std::move(value).error().within("reading " + path_));
  return std::optional(std::move(*value));
}

Result<void> StateFile::store(const std::string& content) const {
  auto json = Json::parse(content, nullptr, false);
  if (json.is_discarded()) return fail(ErrorKind::invalid, "the content for " + path_ + " is not JSON");
  if (auto written = files_->write(path_, wrapped(kind_, version_, std::move(json)), 0600, {}); !written)
    return std::unexpected(std::move(written).error().within("storing " + path_));
  return {};
}

} // namespace tandem::journal
