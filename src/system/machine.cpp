#include "system/machine.hpp"

#include "base/text.hpp"
#include "system/descriptor.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <systemd/sd-daemon.h>

namespace tandem::system {

namespace {

std::optional<std::string> address_of(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    return std::string(text.data());
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) return std::nullopt;
    inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    return std::string(text.data());
  }
  return std::nullopt;
}

std::vector<std::string> read_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next)
    if ((entry->ifa_flags & IFF_LOOPBACK) == 0)
      if (auto address = address_of(entry->ifa_addr)) addresses.push_back(*std::move(address));
  freeifaddrs(list);
  return addresses;
}

} // namespace

Result<MachineFacts> read_machine_facts() {
  MachineFacts facts;
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return system_error("reading the host name");
  facts.host_name = name.data();
  facts.addresses = read_addresses();
  const Descriptor file(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::array<char, 64> id{};
  const ssize_t size = file ? read(file.get(), id.data(), id.size()) : -1;
  if (size <= 0) return system_error("reading /proc/sys/kernel/random/boot_id");
  facts.boot_id = trim(std::string_view(id.data(), static_cast<std::size_t>(size)));
  return facts;
}

void notify_ready(const std::string& status) {
  sd_notifyf(0, "READY=1\nSTATUS=%s", status.c_str());
}

void notify_stopping() {
  sd_notify(0, "STOPPING=1");
}

std::optional<int> inherited_socket(const std::string& name) {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(0, &names);
  std::optional<int> found;
  for (int i = 0; i < count; ++i) {
    if (name == names[i]) found = SD_LISTEN_FDS_START + i;
    std::free(names[i]);
  }
  std::free(names);
  return found;
}

} // namespace tandem::system
