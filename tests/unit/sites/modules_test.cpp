#include "sites/modules.hpp"

#include <gmock/gmock.h>

namespace tandem::sites {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(Submodules, AreTheCommitsAmongAListing) {
  EXPECT_EQ(submodule_in("160000 commit " + std::string(40, 'a') + "\tlibraries/col ours"),
            (Submodule{"libraries/col ours", std::string(40, 'a')}));
  for (const auto* line : {"100644 blob 0123\tmanage.py", "120000 blob 4567\tlink", "", "160000 commit"})
    EXPECT_FALSE(submodule_in(line)) << line;
}

TEST(Submodules, HaveTheAddressThatTheirPathIsGiven) {
  using namespace std::string_literals;
  const auto listing = "submodule.col.ours.path\nlibraries/colours\0"s + "submodule.col.ours.url\n../colours.git\0"s +
                       "submodule.col.ours.branch\nmain\0"s + "submodule.lost.path\nlost\0"s +
                       "core.url\nhttp://elsewhere\0"s + "submodule.flag\0"s;
  EXPECT_THAT(submodule_addresses(listing), ElementsAre(Pair("libraries/colours", "../colours.git")));
}

TEST(Submodules, ARelativeAddressIsMeantBesideTheRepository) {
  const auto address = [](const std::string& of, const std::string& named) {
    const auto found = submodule_address(of, named);
    return found ? *found : "error";
  };
  EXPECT_EQ(address("git@host.test:group/shop.git", "../colours.git"), "git@host.test:group/colours.git");
  EXPECT_EQ(address("git@host.test:shop.git", "../colours.git"), "git@host.test:colours.git");
  EXPECT_EQ(address("git@host.test:group/shop.git", "../../other/colours.git"), "git@host.test:other/colours.git");
  EXPECT_EQ(address("https://host.test/group/shop.git/", "../colours.git"), "https://host.test/group/colours.git");
  EXPECT_EQ(address("https://host.test/shop.git", "../colours.git"), "https://host.test/colours.git");
  EXPECT_EQ(address("ssh://git@host.test:22/a/shop.git", "./inner.git"), "ssh://git@host.test:22/a/shop.git/inner.git");
  EXPECT_EQ(address("/srv/git/shop.git", "../colours.git"), "/srv/git/colours.git");
  EXPECT_EQ(address("https://host.test/shop.git", "../../colours.git"), "error") << "it would name another host";
  EXPECT_EQ(address("git@host.test:shop.git", "https://other.test/x.git"), "https://other.test/x.git");
}

TEST(Submodules, OfAnotherMachineNameNothingOfThisOneAndNoOption) {
  EXPECT_EQ(submodule_address("https://host.test/shop.git", "/etc/tandem").error().kind, ErrorKind::refused);
  EXPECT_EQ(submodule_address("git@host.test:shop.git", "file:///etc").error().kind, ErrorKind::refused);
  EXPECT_TRUE(submodule_address("/srv/git/shop.git", "/srv/git/colours.git"));
  EXPECT_TRUE(submodule_address("file:///srv/git/shop.git", "/srv/git/more/colours.git"));
  for (const auto* elsewhere :
       {"/var/lib/tandem/sites/other.test/repo.git", "../../../var/lib/x.git", "/srv/git/../x.git",
        "/srv/gitolite/x.git", "file:///srv/git/%2e%2e/%2e%2e/var/lib/x.git", "../%2e%2e/%2e%2e/var/lib/x.git",
        "/srv/git/..", "/srv/git"})
    EXPECT_EQ(submodule_address("/srv/git/shop.git", elsewhere).error().kind, ErrorKind::refused) << elsewhere;
  EXPECT_EQ(submodule_address("/srv/git/shop.git", "root/x.git").error().kind, ErrorKind::refused)
      << "git asks / for it";
  EXPECT_EQ(submodule_address("https://host.test/shop.git", "--upload-pack=sh").error().kind, ErrorKind::invalid);
  EXPECT_EQ(submodule_address("https://host.test/shop.git", "").error().kind, ErrorKind::invalid);
  for (const auto* path : {"", "/etc", "../etc", "a/../../etc", "a//b", "./a", "a/.", "\"a\\tb\""})
    EXPECT_FALSE(stays_inside(path)) << path;
  EXPECT_TRUE(stays_inside("libraries/colours"));
}

} // namespace tandem::sites
