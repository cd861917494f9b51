#include "sites/uwsgi.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

namespace tandem::sites {

namespace {

model::Site janome() {
  model::Site site;
  site.domain = "janome.club";
  site.owner = "nikolays";
  site.wsgi = "sewingworld.wsgi:application";
  site.uwsgi.processes = 2;
  site.uwsgi.threads = 4;
  site.uwsgi.harakiri = std::chrono::seconds(120);
  site.uwsgi.settings = {{"buffer-size", "8192"}, {"max-requests", "5000"}};
  return site;
}

Release release() {
  Release release;
  release.id = "20261124083010-85e57f8";
  release.environment = "0123456789abcdef";
  return release;
}

// Compares with the file in golden/; TANDEM_ACCEPT=1 makes the text the new one, to be reviewed as a diff.
void expect_golden(const std::string& name, const std::string& text) {
  const auto path = std::string(TANDEM_SOURCE_DIR) + "/tests/unit/sites/golden/" + name;
  if (std::getenv("TANDEM_ACCEPT") != nullptr) std::ofstream(path) << text;
  std::ifstream stream(path);
  const std::string golden{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_EQ(text, golden) << "accept with TANDEM_ACCEPT=1";
}

} // namespace

TEST(Uwsgi, TheSettingsOfAReleaseAreThese) {
  expect_golden("release.ini", uwsgi_ini(Layout{}, janome(), release()));
}

TEST(Uwsgi, TheUnitOfAllSitesIsThis) {
  expect_golden("tandem-site@.service", site_unit_text(Layout{}));
}

TEST(Uwsgi, TheSitesOwnSettingTakesThePlaceOfOurs) {
  const auto text = uwsgi_ini(Layout{}, janome(), release());
  EXPECT_THAT(text, ::testing::HasSubstr("buffer-size = 8192\n"));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("32768")));
}

TEST(Uwsgi, ASettingThatADeployReliesOnIsRefusedByName) {
  for (const std::string name : {"socket", "uid", "die-on-term", "module"}) {
    auto site = janome();
    site.uwsgi.settings[name] = "x";
    const auto checked = check_uwsgi_settings(site);
    ASSERT_FALSE(checked) << name;
    EXPECT_THAT(checked.error().message, ::testing::HasSubstr(name));
  }
  EXPECT_TRUE(check_uwsgi_settings(janome()));
}

TEST(Uwsgi, ASettingCannotBringASecondLine) {
  auto site = janome();
  site.uwsgi.settings["max-requests"] = "5\nuid = root";
  EXPECT_FALSE(check_uwsgi_settings(site));
}

} // namespace tandem::sites
