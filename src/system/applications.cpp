#include "system/applications.hpp"

#include "base/text.hpp"
#include "system/descriptor.hpp"
#include "system/files.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

namespace tandem::system {

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::size_t kept_answer = std::size_t{64} << 10U;
constexpr auto poll_every = std::chrono::milliseconds(5);

void add_size(std::string& packet, std::size_t size) {
  packet += static_cast<char>(size & 0xffU);
  packet += static_cast<char>((size >> 8U) & 0xffU);
}

// A full queue makes connect() wait; the send time-out bounds that too.
Result<Descriptor> connect_to(const std::string& path, std::chrono::milliseconds limit) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(ErrorKind::invalid, path + " is too long for a socket");
  std::memcpy(static_cast<char*>(address.sun_path), path.c_str(), path.size() + 1);
  Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("making a socket");
  const timeval bound{limit.count() / 1000, limit.count() % 1000 * 1000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(ErrorKind::unavailable, "nothing answers at " + path + ": " + std::generic_category().message(errno));
  return fd;
}

// False when the limit has passed.
bool wait_readable(int fd, SteadyClock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - SteadyClock::now()).count();
  pollfd wait{fd, POLLIN, 0};
  return left > 0 && ::poll(&wait, 1, static_cast<int>(left)) > 0;
}

Result<std::string> read_answer(int fd, std::chrono::milliseconds limit, const std::string& path) {
  const auto until = SteadyClock::now() + limit;
  std::string text;
  std::array<char, 16384> buffer{};
  while (wait_readable(fd, until)) {
    const auto count = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    if (text.size() < kept_answer) text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return fail(ErrorKind::unavailable, fmt::format("{} did not answer within {} s", path,
                                                  std::chrono::ceil<std::chrono::seconds>(limit).count()));
}

} // namespace

std::string uwsgi_packet(const Question& question) {
  const auto mark = question.path.find('?');
  const std::string query = mark == std::string::npos ? "" : question.path.substr(mark + 1);
  const std::vector<std::pair<std::string, std::string>> variables{
      {"REQUEST_METHOD", "GET"},   {"REQUEST_URI", question.path},  {"PATH_INFO", question.path.substr(0, mark)},
      {"QUERY_STRING", query},     {"SERVER_PROTOCOL", "HTTP/1.1"}, {"SERVER_NAME", question.host},
      {"SERVER_PORT", "443"},      {"HTTP_HOST", question.host},    {"HTTPS", "on"},
      {"REQUEST_SCHEME", "https"}, {"REMOTE_ADDR", "127.0.0.1"},    {"HTTP_USER_AGENT", "tandem"},
      {"CONTENT_TYPE", ""},        {"CONTENT_LENGTH", ""},
  };
  std::string body;
  for (const auto& [name, value] : variables) {
    add_size(body, name.size());
    body += name;
    add_size(body, value.size());
    body += value;
  }
  std::string packet(1, '\0'); // modifier1: a WSGI request
  add_size(packet, body.size());
  packet += '\0';
  return packet + body;
}

int status_of_answer(std::string_view text) {
  const auto line = text.substr(0, text.find_first_of("\r\n"));
  if (!line.starts_with("HTTP/") || line.find(' ') == std::string_view::npos) return 0;
  const auto code = line.substr(line.find(' ') + 1, 3);
  return static_cast<int>(to_number(code).value_or(0));
}

std::size_t count_connections(std::string_view proc_net_unix, std::string_view path) {
  return connections(proc_net_unix, path).size();
}

std::set<std::uint64_t> connections(std::string_view proc_net_unix, std::string_view path) {
  constexpr std::uint64_t listens = 0x10000;
  std::set<std::uint64_t> inodes;
  for (const auto& line : lines_of(proc_net_unix)) {
    // Num RefCount Protocol Flags Type St Inode Path
    if (!line.ends_with(path) || line.size() == path.size() || line[line.size() - path.size() - 1] != ' ') continue;
    const auto fields = split(line, ' ');
    if (fields.size() < 4 || (std::strtoull(fields[3].c_str(), nullptr, 16) & listens) != 0) continue;
    // The path is the last field and the inode the one before; those between them may be padded with blanks.
    const std::string before(trim(std::string_view(line).substr(0, line.size() - path.size())));
    inodes.insert(std::strtoull(before.c_str() + before.rfind(' ') + 1, nullptr, 10));
  }
  return inodes;
}

Result<Answer> UwsgiApplications::ask(const std::string& socket, const Question& question) {
  TANDEM_TRY(const auto fd, connect_to(socket, question.time_limit));
  const auto packet = uwsgi_packet(question);
  if (::send(fd.get(), packet.data(), packet.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(packet.size()))
    return fail(ErrorKind::unavailable, socket + " did not take the question");
  TANDEM_TRY(auto text, read_answer(fd.get(), question.time_limit, socket));
  const int status = status_of_answer(text);
  if (status == 0) return fail(ErrorKind::unavailable, socket + " closed without an answer");
  return Answer{status, std::move(text)};
}

Result<bool> UwsgiApplications::wait_calm(const std::vector<std::string>& sockets, std::chrono::milliseconds young,
                                          std::chrono::milliseconds limit) {
  LinuxFiles files;
  const auto begin = SteadyClock::now();
  std::map<std::uint64_t, SteadyClock::time_point> seen;
  for (;;) {
    TANDEM_TRY(const auto text, files.read("/proc/net/unix"));
    const auto now = SteadyClock::now();
    std::map<std::uint64_t, SteadyClock::time_point> present;
    for (const auto& socket : sockets)
      for (const auto inode : connections(text, socket))
        present[inode] = seen.contains(inode) ? seen[inode] : now;
    seen = std::move(present);
    const bool calm =
        std::ranges::all_of(seen, [&](const auto& connection) { return now - connection.second < young; });
    if (calm && (seen.empty() || now - begin >= young)) return true;
    if (now - begin >= limit) return false;
    std::this_thread::sleep_for(poll_every);
  }
}

Result<bool> UwsgiApplications::wait_idle(const std::string& socket, std::chrono::milliseconds limit) {
  LinuxFiles files;
  const auto until = SteadyClock::now() + limit;
  for (;;) {
    TANDEM_TRY(const auto sockets, files.read("/proc/net/unix"));
    if (count_connections(sockets, socket) == 0) return true;
    if (SteadyClock::now() >= until) return false;
    std::this_thread::sleep_for(poll_every);
  }
}

} // namespace tandem::system
