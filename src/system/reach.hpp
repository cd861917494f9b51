// The port to the network for one question: does anything answer at that address? For telling whether a server that is
// said to be off really is.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace tandem::system {

class Reach {
public:
  virtual ~Reach() = default;
  // Those of the TCP ports that accept a connection within the limit. One that is closed at once is not among them: its
  // machine may be on, but nothing serves there.
  virtual std::vector<std::uint16_t> open_ports(const std::string& address, const std::vector<std::uint16_t>& ports,
                                                std::chrono::milliseconds limit) = 0;
};

// The real one. Stateless; may be used from any thread.
class LinuxReach final : public Reach {
public:
  std::vector<std::uint16_t> open_ports(const std::string& address, const std::vector<std::uint16_t>& ports,
                                        std::chrono::milliseconds limit) override;
};

} // namespace tandem::system
