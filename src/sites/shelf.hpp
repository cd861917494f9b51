// The releases of a site as they lie on the disk. Every change is idempotent and may be cut off anywhere: a release
// without a readable manifest, and an environment without its mark, count as not there.
#pragma once
#include "sites/choose.hpp"
#include "sites/tools.hpp"

#include <optional>
#include <string>

namespace tandem::sites {

class Shelf {
public:
  explicit Shelf(Tools tools) : tools_(std::move(tools)) {}

  // All that is there; a site that was never deployed has nothing.
  Result<Holdings> look(const std::string& domain);
  // A finished release; not_found otherwise.
  Result<Release> find(const std::string& domain, const std::string& id);
  // The release that WWW/DOMAIN names; refused when that is a real folder, made by hand.
  Result<std::optional<std::string>> current(const std::string& domain);
  // Writes the manifest, after everything below the release is on the disk: from now on it is finished.
  Result<void> finish(const std::string& domain, const Release& release);
  // Makes WWW/DOMAIN name this finished release and remembers that it was live.
  Result<void> set_current(const std::string& domain, const std::string& id);
  // Takes WWW/DOMAIN away: nothing is current.
  Result<void> unset_current(const std::string& domain);
  Result<void> remove_release(const std::string& domain, const std::string& id);
  // Removes what is no longer kept; tells of each.
  Result<void> clean(const std::string& domain, const Progress& progress);

private:
  Result<void> remember(const std::string& domain, const std::string& id);
  Result<History> read_history(const std::string& domain);

  Tools tools_;
};

} // namespace tandem::sites
