// layer: role
// Any bytes as role state, message or runbook record: no crash, what is accepted reads the same again, and a
// message from anywhere changes nothing that it may not.
#include "role/engine.hpp"
#include "role/protocol.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace tandem::role;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const Members members{"uno", {"duo"}};
  Role role;
  role.kept = first_kept(3, "uno", {});
  role.session.serving = true;
  role.session.settled = true;
  if (const auto kept = decode_kept(kept_version, bytes)) {
    const auto again = decode_kept(kept_version, encode(*kept));
    if (!again || *again != *kept) std::abort();
    role = {*kept, {}};
  }
  if (const auto message = decode_message(bytes)) {
    const auto again = decode_message(encode(*message));
    if (!again || *again != *message) std::abort();
    const auto out = transition(members, role, event_of(*message));
    if (out.role.kept.epoch < role.kept.epoch) std::abort();
    if (message->from != "duo" && out.role != role) std::abort();
  }
  if (const auto record = decode_record(bytes)) {
    const auto again = decode_record(encode(*record));
    if (!again || *again != *record) std::abort();
  }
  return 0;
}
