// Submodules as git lists them. Pure.
#pragma once
#include "base/result.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::sites {

// A folder of a commit that is a commit of another repository.
struct Submodule {
  std::string path;
  std::string hash;
  bool operator==(const Submodule&) const = default;
};

// The one that a line of `git ls-tree -r` lists; nullopt where it is a file.
[[nodiscard]] std::optional<Submodule> submodule_in(std::string_view line);

// Addresses by path, of a .gitmodules as `git config -z --list` prints it. What names no path or no address is not in
// it.
[[nodiscard]] std::map<std::string, std::string> submodule_addresses(std::string_view listing);

// Where the submodule is fetched from: "../other.git" is meant beside the repository that names it. refused when it is
// on this machine and that repository is not, since nobody who may push there may read what root can read here; invalid
// when git could take it for an option.
Result<std::string> submodule_address(const std::string& of, const std::string& named);

// "/srv/…" or "file://…".
[[nodiscard]] bool is_local_repository(std::string_view address);
// Whether it stays in its folder: no "..", no beginning "/", and none of the letters that git quotes.
[[nodiscard]] bool stays_inside(std::string_view path);

} // namespace tandem::sites
