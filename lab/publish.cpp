#include "lab/publish.hpp"

namespace tandem::lab {

namespace {

constexpr auto* publish_script = R"(
set -e
rm -rf "/srv/git/$1.git" "/srv/git/work"
git init -q --bare -b main "/srv/git/$1.git"
mkdir /srv/git/work
tar -xf "/tmp/$1.tar" -C /srv/git/work
cd /srv/git/work
git init -q -b main
git config user.email lab@example.org
git config user.name lab
git add -A
git commit -q -m "As it is"
git push -q "/srv/git/$1.git" main
)";

} // namespace

Result<void> publish(Lab& lab, const std::string& folder, const std::string& name) {
  const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_'; };
  if (name.empty() || !std::ranges::all_of(name, plain))
    return fail(ErrorKind::invalid, "a repository's name has letters, digits, hyphens and underscores: " + name);
  system::LinuxProcesses processes;
  const auto archive = fmt::format("{}/{}.tar", lab.names().folder(), name);
  TANDEM_CHECK(system::run_checked(
      processes, {.arguments = {"tar", "-cf", archive, "--exclude=__pycache__", "--exclude=.git", "-C", folder, "."}}));
  const auto there = fmt::format("/tmp/{}.tar", name);
  TANDEM_CHECK(lab.copy_in(archive, "tre", there));
  TANDEM_CHECK(lab.run_checked("tre", {"chmod", "0644", there}));
  TANDEM_CHECK(lab.run_checked("tre", {"sh", "-c", publish_script, "sh", name}, {.user = "git"}));
  return {};
}

} // namespace tandem::lab
