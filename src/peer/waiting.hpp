// Asking on the loop and waiting for the answer on another thread.
#pragma once
#include "peer/session.hpp"

namespace tandem::peer {

// Starts something on the loop that calls its OnAnswer exactly once.
using Ask = std::function<void(Session::OnEvent, Session::OnAnswer)>;

// Runs `ask` on the loop and waits. Events are handed to `on_event` on the calling thread, in order, before the
// answer is returned. Must not be called on the loop, which has to run until the answer is there. `ended`, asked
// several times a second on the calling thread, ends the waiting early: unavailable, and what comes afterwards is
// dropped.
Result<Json> wait_for_answer(Loop& loop, Ask ask, const Session::OnEvent& on_event = {},
                             const std::function<bool()>& ended = {});

} // namespace tandem::peer
