// Virtualenvs: built once for each set of requirements and shared by the releases that need the same. Built by the
// site's owner in its final place, since a virtualenv cannot be moved; a mark written last says that it is whole.
#pragma once
#include "base/result.hpp"
#include "model/pair.hpp"
#include "sites/layout.hpp"
#include "system/files.hpp"
#include "system/processes.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace tandem::sites {

class Virtualenvs {
public:
  Virtualenvs(system::Files& files, system::Processes& processes, Layout layout)
      : files_(files), processes_(processes), layout_(std::move(layout)) {}

  // The key of what the checkout in the folder needs: of the text of its requirements (and of the files that they
  // include), pip's options and Python's version. With a requirement that names a path, the commit counts too.
  Result<std::string> key_for(const model::Site& site, const std::string& checkout, const std::string& commit);
  // The same of a commit that is not checked out: `read` gives its files by their paths in it.
  using Reader = std::function<Result<std::string>(const std::string& path)>;
  Result<std::string> key_for(const model::Site& site, const Reader& read, const std::string& commit);

  // Builds it from the release's checkout, or does nothing when it is whole already. Idempotent: a half-built one is
  // removed first.
  Result<void> ensure(const model::Site& site, const std::string& key, const std::string& checkout,
                      const system::LineSink& on_line);

  // Whether it is whole.
  Result<bool> complete(const std::string& domain, const std::string& key);
  Result<void> remove(const std::string& domain, const std::string& key);

private:
  system::Files& files_;
  system::Processes& processes_;
  Layout layout_;
};

// Names of the files that a requirements file includes by -r, --requirement, -c or --constraint. Pure.
[[nodiscard]] std::vector<std::string> included_requirements(std::string_view text);
// Whether it names code by a path of the checkout ("-e .", "./lib", "file:…"). Pure.
[[nodiscard]] bool needs_checkout(std::string_view text);

} // namespace tandem::sites
