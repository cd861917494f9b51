// Kept folders that deploy steps fill and nginx serves, such as Django's static files. collectstatic deletes each file
// before it writes it anew, where visitors would meanwhile find none, or half of one. So the steps are shown a copy in
// the folder's place, and once all have succeeded what they changed is moved into the folder, each file by one rename.
//
// The copy is kept in .releases/DOMAIN/building/ for as long as the deploy takes. All that writes to the
// folder runs as the site's owner, who could otherwise lead root elsewhere by a link. What the site itself writes into
// the folder meanwhile stays, unless a step wrote the same file.
#pragma once
#include "model/pair.hpp"
#include "sites/tools.hpp"
#include "system/processes.hpp"

#include <set>
#include <string>
#include <vector>

namespace tandem::sites {

// The kept folders of the site that this is about: what nginx serves below a path that ends with "/static/". Others,
// such as uploads, may be written by the site at any time and be far too large for a copy. Pure.
[[nodiscard]] std::vector<std::string> built_folders(const model::Site& site);

// Those of one deploy, in the order of its methods. Refers to `tools` and `site` for as long as it lives.
class BuiltFolders {
public:
  BuiltFolders(const Tools& tools, const model::Site& site);

  // Copies the folders; takes away what a deploy that was cut off had left.
  Result<void> copy(const Progress& progress);
  // What the steps are to see in the folders' place.
  [[nodiscard]] std::vector<system::View> views() const;
  // Moves what is new or other in content or mode than in the folder there; what is the same keeps its file and time.
  Result<void> publish();
  // Removes from the folders what the steps removed, which the release that served until now may have needed.
  Result<void> remove_gone();
  // Takes the copies away, however far the deploy came.
  Result<void> discard();

private:
  Result<void> copy_one(const std::string& folder);
  Result<void> as_owner(std::vector<std::string> arguments, std::string input = {}, std::string folder = "/");

  const Tools& tools_;
  const model::Site& site_;
  std::vector<std::string> folders_;
  std::map<std::string, std::set<std::string>> before_; // what was in each copy before the steps
  std::map<std::string, std::vector<std::string>> gone_;
};

} // namespace tandem::sites
