#include "lab/machine.hpp"

#include "lab/base.hpp"
#include "lab/names.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

namespace tandem::lab {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t megabyte = 1'000'000;
// du of both: 0.75 GB of a release's images, archive and the packages they are made of, twice while they are made; a
// pair with the shop writes 1.5 GB.
constexpr std::uint64_t room_for_base = 2000 * megabyte;
constexpr std::uint64_t room_for_lab = 1500 * megabyte;

} // namespace

Result<void> check_root() {
  if (::geteuid() == 0) return {};
  return fail(ErrorKind::refused, "the lab needs root: it mounts file systems and makes network namespaces",
              "Try sudo");
}

Result<void> check_room(const std::string& folder, std::uint64_t needed_bytes) {
  fs::path existing = folder;
  std::error_code error;
  while (!fs::exists(existing, error) && existing.has_relative_path())
    existing = existing.parent_path();
  const auto space = fs::space(existing, error);
  if (error) return failed(fmt::format("cannot tell how much room {} has: {}", existing.string(), error.message()));
  if (space.available >= needed_bytes) return {};
  return fail(ErrorKind::refused,
              fmt::format("{} has {} MB left, and the lab needs {} MB there", folder, space.available / megabyte,
                          needed_bytes / megabyte),
              "Make room, or for the cache set XDG_CACHE_HOME to a folder on another disk");
}

Result<void> check_namespaces(system::Processes& processes) {
  const auto tried =
      processes.run({.arguments = {"unshare", "--mount", "--net", "--pid", "--fork", "mount", "--make-rprivate", "/"}});
  if (tried && tried->ok()) return {};
  return fail(ErrorKind::refused,
              "this machine does not let root make namespaces of its own, which the lab's servers need",
              "Use a machine or a virtual machine of its own; a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN "
              "(podman and docker: --privileged)");
}

Result<void> check_room_for_lab(const std::string& release) {
  TANDEM_CHECK(check_room(cache_folder(release), has_base(release) ? 0 : room_for_base));
  return check_room(Names::all_labs(), room_for_lab);
}

} // namespace tandem::lab
