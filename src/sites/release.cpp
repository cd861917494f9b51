#include "sites/release.hpp"

#include "sites/layout.hpp"

#include <nlohmann/json.hpp>

namespace tandem::sites {

using nlohmann::json;

namespace {

constexpr int version = 1;

// Nothing read from a file may become a path outside the site's folder.
bool is_key(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// The library throws where a field is missing or of another type.
template <class T, class Read>
Result<T> guarded(const std::string& text, const std::string& what, const Read& read) {
  try {
    const auto document = json::parse(text);
    if (document.at("version").get<int>() != version)
      return fail(ErrorKind::refused, what + " was written by a later version of tandem",
                  "Bring tandem up to date here.");
    return read(document);
  } catch (const json::exception& error) {
    return fail(ErrorKind::invalid, what + " is damaged: " + error.what());
  }
}

} // namespace

std::string to_text(const Release& release) {
  const json document{{"version", version},       {"release", release.id},           {"commit", release.commit},
                      {"branch", release.branch}, {"created", release.created},      {"env", release.environment},
                      {"steps", release.steps},   {"migrations", release.migrations}};
  return document.dump(2) + "\n";
}

Result<Release> release_from(const std::string& text) {
  TANDEM_TRY(auto release, guarded<Release>(text, "the manifest", [](const json& document) {
               return Release{.id = document.at("release").get<std::string>(),
                              .commit = document.at("commit").get<std::string>(),
                              .branch = document.at("branch").get<std::string>(),
                              .created = document.at("created").get<std::int64_t>(),
                              .environment = document.at("env").get<std::string>(),
                              .steps = document.at("steps").get<std::vector<std::string>>(),
                              .migrations = document.at("migrations").get<std::vector<std::string>>()};
             }));
  if (!is_release_id(release.id) || !is_key(release.environment))
    return fail(ErrorKind::invalid, "the manifest is damaged: it names no release or no environment");
  return release;
}

std::string to_text(const History& history) {
  return json{{"version", version}, {"live", history}}.dump(2) + "\n";
}

Result<History> history_from(const std::string& text) {
  TANDEM_TRY(auto history, guarded<History>(text, "the history of live releases",
                                            [](const json& document) { return document.at("live").get<History>(); }));
  std::erase_if(history, [](const std::string& id) { return !is_release_id(id); });
  return history;
}

} // namespace tandem::sites
