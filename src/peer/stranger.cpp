#include "peer/frame.hpp"
#include "peer/network.hpp"

#include <nlohmann/json.hpp>

namespace tandem::peer {

void ask_as_stranger(Loop& loop, const Address& where, const std::string& authority_fingerprint, Hello own,
                     const std::string& method, const Json& params, Session::OnEvent on_event,
                     Session::OnAnswer on_answer, Duration time_limit) {
  Timing timing;
  timing.connect = std::chrono::seconds(15); // a person waits, and would only try again
  dial_pinned(loop, where, authority_fingerprint, timing.connect,
              [&loop, own = std::move(own), method, params, on_event = std::move(on_event),
               on_answer = std::move(on_answer), time_limit, timing](Result<ConnectionPtr> connection) {
                if (!connection) return on_answer(std::unexpected(std::move(connection).error()));
                (*connection)->limit_frames(largest_frame);
                Session::Hooks hooks;
                hooks.on_open = [=](const std::shared_ptr<Session>& session) {
                  session->call(
                      method, params, on_event,
                      [on_answer, session](Result<Json> answer) {
                        session->close(Error{ErrorKind::unavailable, "done", {}});
                        on_answer(std::move(answer));
                      },
                      time_limit);
                };
                // Calls that were open when it ended have had their answer.
                hooks.on_closed = [on_answer](const std::shared_ptr<Session>& session, const Error& why) {
                  if (session->other().server.empty()) on_answer(std::unexpected(why));
                };
                std::make_shared<Session>(loop, std::move(*connection), Caller::stranger, own, timing, hooks)->start();
              });
}

} // namespace tandem::peer
