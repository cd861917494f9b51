// The main function of the tests on real servers: all of them, or with --planted[=NAME,...] those that must turn red.
#include "base/text.hpp"
#include "planted.hpp"

#include <gmock/gmock.h>

#include <string_view>

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  constexpr std::string_view planted = "--planted";
  if (argc > 1 && std::string_view(argv[1]).starts_with(planted)) {
    const auto rest = std::string_view(argv[1]).substr(planted.size());
    const auto names = rest.size() < 2 ? std::vector<std::string>() : tandem::split(rest.substr(1), ',');
    return tandem::lab::run_planted(names, TANDEM_SOURCE_DIR "/build/planted.log");
  }
  return RUN_ALL_TESTS();
}
