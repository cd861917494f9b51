#include "dns/name_servers.hpp"
#include "fakes/server.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tandem::dns {
namespace {

using ::testing::HasSubstr;

struct NameServers : ::testing::Test {
  fakes::Processes processes;
  system::LinuxClock clock;
  model::Dns settings;
  const Change change{.name = "shop.example",
                      .zone = "shop.example",
                      .from = {{"192.0.2.11"}, {}},
                      .to = {{"192.0.2.12"}, {}},
                      .old_ttl = 60};

  NameServers() {
    settings.provider = "rfc2136";
    settings.server = "192.0.2.53";
  }

  Tools tools() {
    return {.processes = processes, .clock = clock, .pause = [](auto) { return false; }};
  }

  void answer(system::Outcome outcome) {
    processes.answer = [outcome = std::move(outcome)](const system::Command&) { return outcome; };
  }

  Result<void> changed(const std::string& errors) {
    answer({.status = 2, .output = {}, .errors = errors});
    return carry_out(tools(), settings, change);
  }
};

TEST_F(NameServers, OneThatDoesNotAnswerIsToldFromOneThatKnowsNothing) {
  answer({.status = 9, .output = ";; communications error\n", .errors = {}});
  const auto silent = look_up(tools(), settings, "shop.example");
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(silent.error().message, "the name server 192.0.2.53 does not answer");
  answer({.status = 0, .output = {}, .errors = {}});
  EXPECT_EQ(look_up(tools(), settings, "shop.example"), Records{});
}

TEST_F(NameServers, WhatNsupdateSaysDecidesWhetherItIsTriedAgain) {
  EXPECT_EQ(changed("update failed: NXRRSET\n").error().message, "shop.example says something else by now");
  EXPECT_EQ(changed("update failed: REFUSED\n").error().kind, ErrorKind::refused);
  EXPECT_THAT(
      changed("; TSIG error with server: tsig indicates error\nupdate failed: NOTAUTH(BADSIG)\n").error().message,
      HasSubstr("NOTAUTH(BADSIG)"));
  EXPECT_EQ(changed("; Communication with 192.0.2.53#53 failed: timed out\n").error().kind, ErrorKind::unavailable);
  answer({.status = 0, .output = {}, .errors = {}});
  EXPECT_TRUE(carry_out(tools(), settings, change));
}

TEST_F(NameServers, TheOperatorsProgramGetsTheChangeAsJson) {
  settings.provider = "command";
  settings.command = {"/usr/local/bin/names", "--pair"};
  std::string input;
  processes.answer = [&](const system::Command& command) {
    input = command.input;
    return system::Outcome{};
  };
  ASSERT_TRUE(carry_out(tools(), settings, change));
  const auto told = nlohmann::json::parse(input);
  EXPECT_EQ(told["name"], "shop.example");
  EXPECT_EQ(told["to"]["A"][0], "192.0.2.12");
  settings.provider = "manual";
  EXPECT_EQ(carry_out(tools(), settings, change).error().message,
            "to be changed by hand: shop.example A 192.0.2.11 -> 192.0.2.12");
}

TEST_F(NameServers, AreAskedOneByOneWhetherTheyKnow) {
  processes.answer = [](const system::Command& command) {
    const auto& words = command.arguments;
    const auto asks = [&](const std::string& word) { return std::ranges::find(words, word) != words.end(); };
    std::string output;
    if (asks("NS")) output = "shop.example. 60 IN NS ns1.shop.example.\nshop.example. 60 IN NS ns2.shop.example.\n";
    if (asks("ns1.shop.example.")) output = "ns1.shop.example. 60 IN A 192.0.2.53\n";
    if (asks("ns2.shop.example.")) output = "ns2.shop.example. 60 IN A 192.0.2.54\n";
    if (asks("SOA"))
      output = fmt::format("shop.example. 60 IN A {}\n", asks("@192.0.2.54") ? "192.0.2.11" : "192.0.2.12");
    return system::Outcome{.status = 0, .output = output, .errors = {}};
  };
  const auto known = verify(tools(), settings, change, std::chrono::seconds(1));
  ASSERT_FALSE(known);
  EXPECT_EQ(known.error().message, "shop.example is changed, but 192.0.2.54 does not say so yet");
}

} // namespace
} // namespace tandem::dns
