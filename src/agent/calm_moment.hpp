// When the gate of a server that gives its role away is closed: at a moment without slow requests, since visitors wait
// as long as the slowest one in flight.
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <functional>

namespace tandem::agent {

constexpr std::chrono::milliseconds slow_request{250}; // under way for longer, it is not about to end
constexpr std::chrono::seconds settled_for{2};         // so long a disk counts as up to date

// What is done and asked there; each may take its time.
struct CalmPorts {
  using Milliseconds = std::chrono::milliseconds;
  std::function<Result<void>(Milliseconds limit)> settle;     // what the standby has received is on its disk
  std::function<Result<bool>(Milliseconds patience)> is_calm; // waits for a moment without slow requests
  std::function<Result<bool>(Milliseconds patience)> drained; // waits until no request is in flight
  std::function<Result<void>()> close_gate;
  std::function<Result<void>()> open_gate;
  std::function<Milliseconds()> left; // of the time for finding a calm moment; 0 when it is over
  std::function<bool()> ended;        // nobody wants it any more
};

// Returns with the gate closed and nothing in flight, or with the gate open when no such moment came: whoever closes it
// then has to wait in earnest. Visitors come through again when a request turns out to be slow after the gate has
// closed, and the next moment is taken. An error leaves the gate to the undoing.
Result<void> close_in_calm(const CalmPorts& ports);

} // namespace tandem::agent
