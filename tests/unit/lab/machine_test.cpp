#include "fakes/server.hpp"
#include "lab/machine.hpp"

#include <gmock/gmock.h>

#include <filesystem>

namespace tandem::lab {

using ::testing::HasSubstr;

TEST(Machine, WithoutNamespacesIsToldWhatItTakes) {
  fakes::Processes processes;
  EXPECT_TRUE(check_namespaces(processes));
  processes.answer = [](const auto&) {
    system::Outcome outcome;
    outcome.status = 1;
    outcome.errors = "unshare: unshare failed: Operation not permitted";
    return outcome;
  };
  const auto checked = check_namespaces(processes);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, ErrorKind::refused);
  EXPECT_THAT(checked.error().hint, HasSubstr("CAP_SYS_ADMIN"));
}

TEST(Machine, DiskThatIsTooFullIsToldBeforeAnythingIsMade) {
  const auto folder = std::filesystem::temp_directory_path() / "no" / "such" / "folder";
  EXPECT_TRUE(check_room(folder, 1)) << "the file system on which it is going to lie counts";
  const auto checked = check_room(folder, std::uint64_t{1} << 62U);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("MB left, and the lab needs 4611686018427 MB there"));
  EXPECT_FALSE(std::filesystem::exists(folder));
}

} // namespace tandem::lab
