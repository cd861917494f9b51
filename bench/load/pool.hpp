// Chooses or opens the connection for each request, as a visitor's browser would: an open one that is not about to
// close, else a new one to where the name points now.
#pragma once
#include "bench/load/connection.hpp"

#include <filesystem>

namespace tandem::load {

// Where new connections go. The file, if any, is read again for each of them, like a name that is looked up again.
class Target {
public:
  Target(Address address, std::filesystem::path file) : address_(std::move(address)), file_(std::move(file)) {}

  // A file that is missing, empty or half written leaves the last good address in force.
  [[nodiscard]] const Address& now();

private:
  Address address_;
  std::filesystem::path file_;
};

class Pool {
public:
  Pool(Loop& loop, TlsContext& context, Target target, ConnectionSettings kept, std::size_t http2_connections)
      : loop_(loop), context_(context), target_(std::move(target)), kept_(std::move(kept)),
        http2_connections_(http2_connections) {}

  // The exchange ends by its own `done`, at the earliest while this runs.
  void start(const std::shared_ptr<Exchange>& exchange, Protocol protocol, bool fresh);
  // The exchange is given up; it is not called back.
  void cancel(const std::shared_ptr<Exchange>& exchange);
  // Slow bodies are sent at full speed, those under way and those to come.
  void hurry();

  [[nodiscard]] std::uint64_t opened() const { return opened_; }

  [[nodiscard]] std::uint64_t reused() const { return reused_; }

private:
  using Connections = std::vector<std::shared_ptr<Connection>>;

  std::shared_ptr<Connection> open(Protocol protocol, bool fresh);
  std::shared_ptr<Connection> kept_one(Protocol protocol);
  void forget_closed();

  Loop& loop_;
  TlsContext& context_;
  Target target_;
  const ConnectionSettings kept_;
  const std::size_t http2_connections_;
  Connections connections_[2]; // the kept ones, by protocol
  Connections fresh_;
  std::map<const Exchange*, std::weak_ptr<Connection>> carriers_;
  std::size_t turn_ = 0;
  bool hurry_ = false;
  std::uint64_t opened_ = 0;
  std::uint64_t reused_ = 0;
};

} // namespace tandem::load
