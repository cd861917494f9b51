// The TCP ports that programs of a server listen on, beside [pair] port.
#pragma once
#include <cstdint>

namespace tandem::model {

// nginx, for visitors.
inline constexpr std::uint16_t https_port = 443;

// nginx, on loopback only: what this server's gate has let through, once more and without TLS.
inline constexpr std::uint16_t own_nginx_port = 10443;

// Redis, on loopback only: the cache, which evicts, and the queue, which does not.
inline constexpr std::uint16_t redis_cache_port = 6379;
inline constexpr std::uint16_t redis_queue_port = 6380;
// The agent, on loopback only: here a standby's queue finds the primary's, through the peers' channel.
inline constexpr std::uint16_t queue_relay_port = 6381;

} // namespace tandem::model
