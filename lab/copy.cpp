// Files to and from hosts. They pass through a program on the host, so that links there mean what they mean there.
#include "lab/lab.hpp"
#include "system/descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

namespace tandem::lab {

namespace {

// Standard input -> file "$1" with mode "$2", in one rename.
constexpr const char* receive_script = R"sh(
mkdir -p "$(dirname "$1")" || exit
part=$(mktemp "$(dirname "$1")/.copy.XXXXXX") || exit
cat >"$part" && chmod "$2" "$part" && mv -f "$part" "$1" && exit
rm -f "$part"
exit 1)sh";

std::vector<std::string> receive(const std::string& path, std::uint32_t mode) {
  return {"sh", "-c", receive_script, "sh", path, fmt::format("{:04o}", mode & 07777U)};
}

Result<void> check_absolute(const std::string& path) {
  if (path.starts_with("/") && !path.ends_with("/")) return {};
  return fail(ErrorKind::invalid, "\"" + path + "\" is no absolute path of a file on a host");
}

// Appends the command to a shell that has opened the file for it.
std::vector<std::string> redirected(const char* script, const std::string& file, std::vector<std::string> command) {
  command.insert(command.begin(), {"sh", "-c", script, file});
  return command;
}

} // namespace

Result<void> Lab::write_file(const std::string& host, const std::string& path, const std::string& content,
                             std::uint32_t mode) {
  TANDEM_CHECK(check_absolute(path));
  TANDEM_CHECK(run_checked(host, receive(path, mode), {.input = content}));
  return {};
}

Result<std::string> Lab::read_file(const std::string& host, const std::string& path) {
  TANDEM_CHECK(check_absolute(path));
  return run_checked(host, {"cat", "--", path});
}

Result<void> Lab::copy_in(const std::string& file, const std::string& host, const std::string& path) {
  TANDEM_CHECK(check_absolute(path));
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0) return system::system_error("reading " + file);
  if (!S_ISREG(found.st_mode)) return fail(ErrorKind::invalid, file + " is not a file", "Copy a folder as a tar file.");
  TANDEM_TRY(auto command, command_on(host, receive(path, found.st_mode)));
  TANDEM_CHECK(system::run_checked(*tools_, {.arguments = redirected("exec \"$@\" <\"$0\"", file, std::move(command)),
                                             .folder = std::filesystem::current_path().string()}));
  return {};
}

Result<void> Lab::copy_out(const std::string& host, const std::string& path, const std::string& file) {
  TANDEM_CHECK(check_absolute(path));
  TANDEM_TRY(auto command, command_on(host, {"cat", "--", path}));
  const auto script = "\"$@\" >\"$0.part\" && mv -f \"$0.part\" \"$0\" && exit; rm -f \"$0.part\"; exit 1";
  TANDEM_CHECK(system::run_checked(*tools_, {.arguments = redirected(script, file, std::move(command)),
                                             .folder = std::filesystem::current_path().string()}));
  TANDEM_TRY(const auto mode, run_checked(host, {"stat", "-L", "-c", "%a", "--", path}));
  if (::chmod(file.c_str(), static_cast<mode_t>(std::stoul(mode, nullptr, 8))) != 0)
    return system::system_error("setting the mode of " + file);
  return {};
}

} // namespace tandem::lab
