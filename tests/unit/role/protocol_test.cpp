#include "pair_fixture.hpp"

#include <gtest/gtest.h>

namespace tandem::role::testing {
namespace {

// Two servers that talk without delay; each outcome's messages are delivered by hand.
struct Pair {
  std::map<std::string, Members> members = {{"uno", members_of("uno")}, {"duo", members_of("duo")}};
  std::map<std::string, Role> roles = {{"uno", met_role(members_of("uno"))}, {"duo", met_role(members_of("duo"))}};

  Outcome apply(const std::string& server, const Event& event) {
    auto out = transition(members.at(server), roles.at(server), event);
    roles.at(server) = out.role;
    return out;
  }

  Outcome deliver(const Message& message) { return apply(message.to, event_of(message)); }

  Situation situation(const std::string& server) { return situation_of(members.at(server), roles.at(server)); }
};

TEST(Protocol, AGrantMovesThePrimaryAndIsAnswered) {
  Pair pair;
  const auto decided = pair.apply("uno", grant_to("duo"));
  EXPECT_TRUE(decided.store) << "the grant must be stored before it is sent";
  EXPECT_EQ(decided.sentence, "Epoch 2 is duo's from now on: uno serves no more");
  EXPECT_EQ(decided.actions, std::vector{Action::stop});
  EXPECT_EQ(pair.situation("uno"), Situation::granting);

  const auto taken = pair.deliver(only(decided, MessageKind::grant));
  EXPECT_TRUE(taken.store) << "the epoch must be stored before anything follows from it";
  EXPECT_EQ(taken.actions, std::vector{Action::serve});
  EXPECT_EQ(pair.situation("duo"), Situation::serving);
  EXPECT_EQ(pair.roles["duo"].kept.in_sync, std::set<std::string>{"duo"});

  const auto heard = pair.deliver(only(taken, MessageKind::answer));
  EXPECT_EQ(heard.row->id, "answer.taken");
  EXPECT_EQ(pair.situation("uno"), Situation::standby);
  EXPECT_EQ(heard.sentence, "duo has taken epoch 2: uno follows it");
}

TEST(Protocol, AGrantThatComesTwiceIsAnsweredAndChangesNothing) {
  Pair pair;
  const auto grant = only(pair.apply("uno", grant_to("duo")), MessageKind::grant);
  pair.deliver(grant);
  const auto before = pair.roles["duo"];
  const auto again = pair.deliver(grant);
  EXPECT_EQ(again.row->id, "grant.known");
  EXPECT_FALSE(again.store);
  EXPECT_EQ(again.role, before);
  EXPECT_EQ(only(again, MessageKind::answer).epoch, 2U);
}

TEST(Protocol, AGrantIsRepeatedAfterARestartOfTheOldPrimaryUntilItIsAnswered) {
  Pair pair;
  pair.apply("uno", grant_to("duo")); // its message is lost
  const auto boot = pair.apply("uno", event(EventKind::boot));
  EXPECT_EQ(pair.situation("uno"), Situation::granting);
  EXPECT_EQ(pair.apply("uno", event(EventKind::repeat)).row->id, "repeat.granting") << "it must be heard first";
  pair.deliver(only(pair.deliver(only(boot, MessageKind::hello)), MessageKind::answer));
  const auto repeated = pair.apply("uno", event(EventKind::repeat));
  EXPECT_EQ(pair.deliver(only(repeated, MessageKind::grant)).row->id, "grant.taken");
}

TEST(Protocol, AGrantFromBeforeARestartOfItsTargetIsIgnored) {
  Pair pair;
  const auto grant = only(pair.apply("uno", grant_to("duo")), MessageKind::grant);
  pair.apply("duo", event(EventKind::boot));
  EXPECT_EQ(pair.deliver(grant).row->id, "grant.foreign");
  EXPECT_EQ(pair.situation("duo"), Situation::waiting);
}

TEST(Protocol, ARefusedGrantIsNeverTakenAndItsGiverServesAgainOneEpochFurther) {
  Pair pair;
  const auto grant = only(pair.apply("uno", grant_to("duo")), MessageKind::grant);
  const auto asked = pair.apply("uno", event(EventKind::take_back));
  const auto refused = pair.deliver(only(asked, MessageKind::ask_refusal));
  EXPECT_TRUE(refused.store) << "the refusal must be stored before it is sent";
  EXPECT_EQ(pair.deliver(grant).row->id, "grant.refused");
  EXPECT_EQ(pair.situation("duo"), Situation::standby);
  pair.deliver(only(refused, MessageKind::refusal));
  EXPECT_EQ(pair.situation("uno"), Situation::serving);
  EXPECT_EQ(pair.roles["uno"].kept.epoch, 3U);
}

TEST(Protocol, AGrantThatWasTakenIsNotGivenBack) {
  Pair pair;
  pair.deliver(only(pair.apply("uno", grant_to("duo")), MessageKind::grant)); // the answer is lost
  const auto answer = pair.deliver(only(pair.apply("uno", event(EventKind::take_back)), MessageKind::ask_refusal));
  EXPECT_EQ(answer.row->id, "ask_refusal.taken");
  EXPECT_EQ(pair.deliver(only(answer, MessageKind::answer)).row->id, "answer.taken");
}

TEST(Protocol, APrimaryThatMeetsAHigherEpochStopsWritingAtOnce) {
  Pair pair;
  auto hello = only(pair.apply("duo", event(EventKind::boot)), MessageKind::hello);
  hello.epoch = 7;
  hello.primary = "duo";
  const auto met = pair.deliver(hello);
  EXPECT_EQ(met.actions, (std::vector{Action::stop, Action::follow}));
  EXPECT_EQ(met.sentence, "duo knows epoch 7 of duo: uno stops writing and rejoins");
}

TEST(Protocol, EqualEpochsOfTwoPrimariesStopBothAndAskTheOperator) {
  Pair pair;
  pair.roles["duo"].kept.primary = "duo";
  pair.roles["duo"].session.serving = true;
  auto hello = only(pair.apply("duo", event(EventKind::boot)), MessageKind::hello);
  const auto met = pair.deliver(hello);
  EXPECT_EQ(met.actions, (std::vector{Action::stop, Action::ask_operator}));
  const auto answered = pair.deliver(only(met, MessageKind::answer));
  EXPECT_EQ(pair.situation("uno"), Situation::conflict);
  EXPECT_EQ(pair.situation("duo"), Situation::conflict);
  EXPECT_TRUE(answered.store) << "a conflict must outlive a reboot";
}

TEST(Protocol, AConflictEndsByTheOperatorsChoiceOfOneServer) {
  Pair pair;
  for (const auto* name : {"uno", "duo"}) {
    pair.roles[name].session.serving = false;
    pair.roles[name].kept.primary = name;
    pair.roles[name].kept.conflict = std::string(name) == "uno" ? "duo" : "uno";
  }
  const auto asked = pair.apply("duo", failover({}));
  EXPECT_EQ(asked.row->id, "failover.ask");
  const auto promised = pair.deliver(only(asked, MessageKind::ask_promise));
  EXPECT_TRUE(promised.store) << "the promise must be stored before it is sent";
  pair.deliver(only(promised, MessageKind::promise));
  const auto taken = pair.apply("duo", failover({}));
  EXPECT_EQ(taken.row->id, "failover.taken");
  pair.deliver(only(taken, MessageKind::answer));
  EXPECT_EQ(pair.situation("duo"), Situation::serving);
  EXPECT_EQ(pair.situation("uno"), Situation::standby);
}

// Three servers, none of which serves; what happens to `name`, with its messages lost.
struct Trio {
  std::map<std::string, Role> roles;

  Trio() {
    for (const auto* name : {"uno", "duo", "tre"}) {
      roles[name] = met_role(members(name));
      roles[name].session.serving = false;
    }
  }

  static Members members(const std::string& name) { return members_of(name, {"uno", "duo", "tre"}); }

  Outcome apply(const std::string& name, const Event& event) {
    auto out = transition(members(name), roles[name], event);
    roles[name] = out.role;
    return out;
  }

  // Gives the operator's command there, and brings all that follows to the servers it is for.
  std::string_view command(const std::string& name) {
    const auto out = apply(name, failover({}));
    auto messages = out.messages;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const auto message = messages[i];
      std::ranges::copy(apply(message.to, event_of(message)).messages, std::back_inserter(messages));
    }
    return out.row->id;
  }
};

TEST(Protocol, OfSeveralFailoversThatWereBegunTheLatestGoesThrough) {
  Trio trio;
  for (const auto* name : {"uno", "tre", "tre", "uno"}) // their wishes reach nobody
    trio.apply(name, failover({}));
  EXPECT_EQ(trio.command("duo"), "failover.ask");
  EXPECT_EQ(trio.command("duo"), "failover.taken");
  EXPECT_FALSE(trio.roles["uno"].session.candidacy) << "it promised";
}

TEST(Protocol, APromiseToAServerThatIsLostDoesNotBarTheOthersForEver) {
  Trio trio;
  trio.roles["tre"].kept.promised = {{"uno", 7}};
  EXPECT_EQ(trio.command("duo"), "failover.ask");
  EXPECT_EQ(trio.command("duo"), "failover.ask") << "tre told that it can promise no epoch up to 7";
  EXPECT_EQ(trio.command("duo"), "failover.taken");
  EXPECT_EQ(trio.roles["duo"].kept.epoch, 8U);
}

// Simulated seed 10691694: the first may have taken over before the second began.
TEST(Protocol, APromiseStandsAlsoWhenAnotherServerIsPromisedMoreAndGivesItBack) {
  Kept kept = first_kept(2, "duo", {});
  kept.promised = {{"tre", 3}, {"duo", 4}};
  Role uno{.kept = kept, .session = {}};
  uno.session.settled = true;
  uno.session.peers = {{"duo", 5}};
  const Members members{.self = "uno", .others = {"duo", "tre"}};
  Message refusal{.kind = MessageKind::refusal, .from = "duo", .to = "uno"};
  refusal.from_boot = 5;
  refusal.to_boot = uno.kept.incarnation;
  refusal.epoch = 2;
  refusal.primary = "duo";
  refusal.subject = 4;
  const auto released = transition(members, uno, event_of(refusal));
  EXPECT_EQ(released.row->id, "refusal.promised");
  EXPECT_EQ(released.role.kept.promised, (Promises{{"tre", 3}}));
  EXPECT_FALSE(vouches(released.role)) << "duo must not serve on its word";
}

TEST(Protocol, AFailoverWithoutAWordOnASilentServerIsRefusedAndNamesIt) {
  Pair pair;
  pair.apply("duo", event(EventKind::boot));
  const auto refused = pair.apply("duo", failover({}));
  EXPECT_TRUE(refused.refused);
  EXPECT_EQ(refused.sentence, "uno may still serve: switch it off and name it with --alone");
  EXPECT_EQ(pair.apply("duo", failover({"uno"})).row->id, "failover.taken");
}

TEST(Protocol, AServerOutsideTheInSyncSetIsNotPromotedWhereNoLossIsWanted) {
  Pair pair;
  auto wish = failover({"uno"});
  wish.no_loss = true;
  EXPECT_EQ(pair.apply("duo", wish).row->id, "failover.barred");
  auto grant = grant_to("duo");
  grant.no_loss = true;
  EXPECT_EQ(pair.apply("uno", grant).row->id, "grant_decided.barred");
  pair.roles["uno"].kept.in_sync = {"uno", "duo"};
  EXPECT_EQ(pair.apply("uno", grant).row->id, "grant_decided.sent");
}

TEST(Protocol, AnAgentThatStartsBesideAServingPostgresqlGoesOn) {
  Pair pair;
  auto restart = event(EventKind::boot);
  restart.still_serving = true;
  EXPECT_EQ(pair.apply("uno", restart).row->id, "boot.serving");
  EXPECT_EQ(pair.apply("duo", restart).actions, std::vector{Action::stop}) << "it is not the primary";
}

TEST(Protocol, AServerThatIsAloneInItsPairServesAtBoot) {
  const Members alone{"uno", {}};
  auto role = met_role(alone);
  role.session = {};
  EXPECT_EQ(transition(alone, role, event(EventKind::boot)).row->id, "boot.alone");
}

TEST(Protocol, OfThreeServersOneAnswerAfterAPowerCutOfAllIsNotEnough) {
  const auto members = members_of("uno", {"uno", "duo", "tre"});
  auto role = transition(members, met_role(members), event(EventKind::boot)).role;
  Message answer{.kind = MessageKind::answer,
                 .from = "duo",
                 .to = "uno",
                 .from_boot = 2,
                 .to_boot = role.kept.incarnation,
                 .epoch = 1,
                 .primary = "uno"};
  const auto one = transition(members, role, event_of(answer));
  EXPECT_EQ(one.row->id, "answer.wait");
  answer.from = "tre";
  EXPECT_EQ(transition(members, one.role, event_of(answer)).row->id, "answer.serve");
  answer.settled = true;
  EXPECT_EQ(transition(members, role, event_of(answer)).row->id, "answer.serve") << "one that knows all is enough";
}

// Simulated seed 3335117863008996: the one that answered served at the epoch it knew.
TEST(Protocol, WhatOneSaysThatKnowsALowerEpochSettlesNothing) {
  const auto members = members_of("uno", {"uno", "duo", "tre"});
  auto before = met_role(members);
  before.kept.epoch = 2;
  const auto role = transition(members, before, event(EventKind::boot)).role;
  Message answer{.kind = MessageKind::answer,
                 .from = "duo",
                 .to = "uno",
                 .from_boot = 2,
                 .to_boot = role.kept.incarnation,
                 .epoch = 1,
                 .primary = "duo"};
  answer.settled = true;
  const auto late = transition(members, role, event_of(answer));
  EXPECT_EQ(late.row->id, "answer.lower.waiting");
  EXPECT_FALSE(vouches(late.role));
  answer.epoch = 2;
  answer.primary = "uno";
  answer.settled = false;
  const auto stopped = transition(members, late.role, event_of(answer));
  EXPECT_EQ(stopped.row->id, "answer.wait") << "tre has not been heard";
  answer.from = "tre";
  EXPECT_EQ(transition(members, stopped.role, event_of(answer)).row->id, "answer.serve");
}

TEST(Protocol, HistoryTellsEachChangeWithItsReason) {
  Pair pair;
  auto decided = grant_to("duo");
  decided.note.reason = "maintenance of uno";
  decided.note.time = "2024-05-04 03:02:01 UTC";
  decided.note.wal = "0/3000060";
  const auto out = pair.apply("uno", decided);
  ASSERT_EQ(out.role.kept.history.size(), 2U);
  EXPECT_EQ(out.role.kept.history[1], (Change{2, "duo", "maintenance of uno", "2024-05-04 03:02:01 UTC", "0/3000060"}));
  pair.deliver(only(out, MessageKind::grant));
  EXPECT_EQ(pair.roles["duo"].kept.history[1].reason, "uno granted epoch 2: duo takes it and serves");
}

} // namespace
} // namespace tandem::role::testing
