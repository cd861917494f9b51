#include "converge/unit_words.hpp"
#include "fakes/server.hpp"

#include <gmock/gmock.h>

namespace tandem::converge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto* in_use = "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)";

TEST(UnitWords, AreTheProgramsOwnOnesOnceEach) {
  const std::vector<std::string> journal{"Started nginx.service.",
                                         "Starting nginx.service - A high performance web server...",
                                         "an earlier word",
                                         in_use,
                                         in_use,
                                         "nginx: configuration file /etc/nginx/nginx.conf test failed",
                                         "nginx.service: Control process exited, code=exited, status=1/FAILURE",
                                         "nginx.service: Failed with result 'exit-code'.",
                                         "Failed to start nginx.service - A high performance web server."};
  EXPECT_THAT(own_words(journal, "nginx.service"),
              ElementsAre("an earlier word", in_use, "nginx: configuration file /etc/nginx/nginx.conf test failed"));
}

TEST(UnitWords, PortThatIsTakenIsReadFromThem) {
  EXPECT_EQ(taken_port(in_use), 80);
  EXPECT_EQ(taken_port("nginx: [emerg] bind() to [::]:443 failed (98: Address already in use)"), 443);
  EXPECT_EQ(taken_port("2026-11-26 HINT:  Is another postmaster already running on port 5432? If not, wait"), 5432);
  EXPECT_EQ(taken_port("nginx: [emerg] open() failed (2: No such file or directory)"), std::nullopt);
  EXPECT_EQ(taken_port("bind() failed (98: Address already in use)"), std::nullopt);
  EXPECT_EQ(taken_port("bind() to 0.0.0.0:99999 failed (98: Address already in use)"), std::nullopt);
}

TEST(UnitWords, HolderOfAPortIsReadFromSs) {
  EXPECT_EQ(holder_of(R"(LISTEN 0 128 0.0.0.0:80 0.0.0.0:* users:(("nc",pid=1234,fd=3)))"), "nc (process 1234)");
  EXPECT_EQ(holder_of("LISTEN 0 128 0.0.0.0:80 0.0.0.0:*"), std::nullopt) << "of another namespace";
}

TEST(UnitWords, MakeAnErrorThatSaysWhatToDo) {
  fakes::Processes processes;
  processes.answer = [](const system::Command& command) {
    system::Outcome outcome;
    if (command.arguments[0] == "ss") outcome.output = R"(LISTEN 0 9 *:80 *:* users:(("apache2",pid=7,fd=4)))";
    if (command.arguments[0] == "systemctl") outcome.output = std::string(32, 'a') + "\n";
    if (command.arguments.back() == "_SYSTEMD_INVOCATION_ID=" + std::string(32, 'a'))
      outcome.output = std::string(in_use) + "\none\ntwo\nthree\n";
    return outcome;
  };
  const auto error =
      with_last_words(processes, "nginx.service", {ErrorKind::failed, "starting nginx.service: failed", "See: it"});
  EXPECT_THAT(error.message, HasSubstr("port 80 belongs to apache2 (process 7)"));
  EXPECT_THAT(error.hint, HasSubstr("Stop that program"));
  EXPECT_THAT(error.message, HasSubstr("one\n    two\n    three"));
  processes.answer = [](const auto&) { return system::Outcome{}; };
  EXPECT_EQ(with_last_words(processes, "nginx.service", {ErrorKind::failed, "failed", "See: it"}).message, "failed");
}

} // namespace
} // namespace tandem::converge
