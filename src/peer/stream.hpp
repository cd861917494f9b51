// Bytes in both directions, in place of requests: what rsync and the like talk over. Each frame is a piece of
// bytes; an empty frame is the end of its direction. A connection that ends before both directions have is an error.
#pragma once
#include "peer/connection.hpp"
#include "peer/loop.hpp"

namespace tandem::peer {

// The pieces that senders make; receivers take any frame.
constexpr std::size_t stream_piece = std::size_t{64} << 10U;
// So much may wait to be sent before the source is paused.
constexpr std::size_t stream_window = std::size_t{1} << 20U;

using StreamEnd = std::function<void(Result<void>)>;

// Passes frames on between two connections until both directions have ended; closes both. On the loop.
void join_streams(ConnectionPtr left, ConnectionPtr right, StreamEnd done);

// Passes bytes between a connection and a local descriptor that reads and writes both ways (one end of a socket
// pair), which it owns from here on. At the end of what comes, the descriptor's writing side is shut down.
void join_stream_to_descriptor(Loop& loop, ConnectionPtr connection, int descriptor, StreamEnd done);

} // namespace tandem::peer
