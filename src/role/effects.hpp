// What the rows of the table do, one small function each. Only rules.cpp uses this.
#pragma once
#include "role/rules.hpp"

namespace tandem::role {

struct Context {
  const Members& members;
  const Event& event;
  const Policy& policy;
  const Facts& facts;
  Outcome& out;
};

namespace effect {

void boot_serving(Context& context);
void boot_alone(Context& context);
void boot_ask(Context& context);

void nothing(Context& context);
void refuse(Context& context); // an operator's wish
void reply(Context& context);  // an answer to the sender

void meet(Context& context); // the sender's wishes count from now on
void greet(Context& context);
void greet_and_ask(Context& context);
void adopt_from_hello(Context& context);
void conflict_from_hello(Context& context);

void hear(Context& context);
void hear_and_serve(Context& context);
void hear_and_wait(Context& context);
void hear_taken(Context& context);
void adopt_from_answer(Context& context);
void adopt_mine_and_serve(Context& context);
void adopt_mine(Context& context);
void conflict_from_answer(Context& context);

void take_grant(Context& context);
void refuse_grant(Context& context);
void repeat_refusal(Context& context);
void take_after_refusal(Context& context);
void give_promise(Context& context);
void stop_and_promise(Context& context);
void tell_limit(Context& context);
void note_promise(Context& context);

void repeat_grant(Context& context);
void ask_all(Context& context);
void decide_grant(Context& context);
void ask_refusal(Context& context);
void release_promise(Context& context);
void ask_promises(Context& context);
void give_up(Context& context);
void take_over(Context& context);

} // namespace effect
} // namespace tandem::role
