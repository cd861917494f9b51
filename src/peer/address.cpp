#include "base/text.hpp"
#include "peer/transport.hpp"

namespace tandem::peer {

std::string to_text(const Address& address) {
  if (address.host.find(':') != std::string::npos) return fmt::format("[{}]:{}", address.host, address.port);
  return fmt::format("{}:{}", address.host, address.port);
}

Result<Address> parse_address(std::string_view text, std::uint16_t default_port) {
  const auto wrong = [&] {
    return fail(ErrorKind::invalid, fmt::format("\"{}\" is no address", text), "Write it as ADDRESS or ADDRESS:PORT");
  };
  Address address{std::string(trim(text)), default_port};
  std::string port;
  if (address.host.starts_with('[')) {
    const auto end = address.host.find(']');
    if (end == std::string::npos) return wrong();
    port = address.host.substr(end + 1);
    address.host = address.host.substr(1, end - 1);
    if (!port.empty() && port.front() != ':') return wrong();
  } else if (std::count(address.host.begin(), address.host.end(), ':') == 1) {
    port = address.host.substr(address.host.find(':'));
    address.host.resize(address.host.find(':'));
  }
  if (!port.empty()) {
    const auto number = to_number(port.substr(1));
    if (!number || *number < 1 || *number > 65535) return wrong();
    address.port = static_cast<std::uint16_t>(*number);
  }
  if (address.host.empty() || address.host.find_first_of(" /\t") != std::string::npos) return wrong();
  return address;
}

} // namespace tandem::peer
