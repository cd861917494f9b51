// The TCP ports that programs of a server listen on, beside [pair] port.
#pragma once
#include <cstdint>

namespace tandem::model {

// nginx, on loopback only: what this server's gate has let through, once more and without TLS.
inline constexpr std::uint16_t own_nginx_port = 10443;

} // namespace tandem::model
