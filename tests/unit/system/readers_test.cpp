#include "system/accounts.hpp"
#include "system/packages.hpp"

#include <gtest/gtest.h>

namespace tandem::system {

TEST(DpkgStatus, OnlyInstalledPackagesCount) {
  const auto installed = parse_dpkg_status("Package: nginx\nStatus: install ok installed\nVersion: 1.22.1-9\n\n"
                                           "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
                                           "Package: half\nStatus: install ok half-configured\nVersion: 2\n\n"
                                           "Package: held\nStatus: hold ok installed\nVersion: 3");
  EXPECT_EQ(installed, (std::map<std::string, std::string>{{"held", "3"}, {"nginx", "1.22.1-9"}}));
}

TEST(Accounts, EntriesAreFoundByNameAndNumberAndBadLinesAreSkipped) {
  const auto table =
      parse_accounts("root:x:0:0:root:/root:/bin/bash\nbroken\nandrey:x:1000:1000::/home/andrey:/bin/sh\n",
                     "root:x:0:\nsudo:x:27:andrey,nikolays\nodd:x:nan:\n");
  ASSERT_NE(table.user("andrey"), nullptr);
  EXPECT_EQ(table.user("andrey")->uid, 1000U);
  EXPECT_EQ(table.user(0U)->name, "root");
  EXPECT_EQ(table.group("sudo")->members, (std::vector<std::string>{"andrey", "nikolays"}));
  EXPECT_EQ(table.group("odd"), nullptr);
  EXPECT_EQ(table.users.size(), 2U);
}

} // namespace tandem::system
