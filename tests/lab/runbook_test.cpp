// The printed runbook, typed by hand: for the day when tandem itself is what is broken, its commands must do what they
// say.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>

#include <regex>

namespace tandem::lab {

namespace {

struct TypedStep {
  std::string host;
  std::string title;
  std::string script;
};

// "  3. on uno: Title", and below it, indented, what to type; lines that begin with "#" are for the reader.
std::vector<TypedStep> steps_in(const std::string& runbook) {
  static const std::regex heading("^ *[0-9]+\\. on ([a-z]+): (.*)$");
  std::vector<TypedStep> steps;
  for (const auto& line : lines_of(runbook)) {
    std::smatch found;
    if (std::regex_match(line, found, heading))
      steps.push_back({found[1], found[2], {}});
    else if (!steps.empty() && !line.starts_with("#") && !trim(line).starts_with("#"))
      steps.back().script += line + "\n";
  }
  return steps;
}

class Typed : public PairTest {
protected:
  // root's key of each server on the other, which the runbook's first line asks for.
  static void let_root_in() {
    std::map<std::string, std::string> keys;
    for (const std::string host : {"uno", "duo"}) {
      on(lab(), host,
         "install -d -m 0700 /root/.ssh && echo 'StrictHostKeyChecking no' > /root/.ssh/config && "
         "{ test -e /root/.ssh/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; }");
      keys[host] = on(lab(), host, "cat /root/.ssh/id_ed25519.pub");
    }
    for (const std::string host : {"uno", "duo"})
      on(lab(), host, "echo '" + keys[other(host)] + "' > /root/.ssh/authorized_keys");
  }

  static void type(const TypedStep& step) {
    show(step.host + ": " + step.title);
    const auto done = lab().run(step.host, {"bash", "-e", "-c", step.script}, {.time_limit = std::chrono::minutes(2)});
    ASSERT_TRUE(done && done->ok()) << step.title << "\n"
                                    << step.script << (done ? done->output + done->errors : describe(done.error()));
  }
};

} // namespace

TEST_F(Typed, SwitchoverLeavesAPairThatTheAgentsGoOnWith) {
  const auto from = primary();
  const auto to = other(from);
  let_root_in();
  const auto printed = pair().tandem(from, {"runbook", "switchover"});
  ASSERT_OK(printed);
  auto steps = steps_in(*printed);
  ASSERT_GT(steps.size(), 15U) << *printed;
  for (const auto& host : {from, to})
    on(lab(), host, "systemctl stop tandem.service tandem-gate.socket");
  const auto last = steps.back(); // which starts the agents again
  steps.pop_back();
  for (const auto& step : steps) {
    type(step);
    ASSERT_FALSE(HasFatalFailure());
  }
  for (const auto& host : {to, from}) // and through the old primary
    EXPECT_TRUE(pair().fetch(host, "/")) << "through " << host << " before the agents run again";
  EXPECT_EQ(sql(lab(), to, "select pg_is_in_recovery()"), "f");
  type(last);
  on(lab(), from, "systemctl start tandem-gate.socket tandem.service");
  EXPECT_EQ(wait_until_whole(), to);
  prove(to);
}

} // namespace tandem::lab
