#include "sites/folders.hpp"

namespace tandem::sites {

Result<void> ensure_folder(system::Files& files, const std::string& path, std::uint32_t mode, system::Ownership owner) {
  TANDEM_CHECK(files.make_folder(path, mode, owner));
  TANDEM_TRY(const auto status, files.status(path));
  if (!status) return failed(path + " vanished while it was made");
  if (system::Ownership{status->uid, status->gid} != owner) TANDEM_CHECK(files.set_owner(path, owner));
  if (status->mode != mode) TANDEM_CHECK(files.set_mode(path, mode));
  return {};
}

} // namespace tandem::sites
