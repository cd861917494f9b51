#include "bench/load/pool.hpp"

#include "base/text.hpp"

#include <fstream>

namespace tandem::load {

const Address& Target::now() {
  if (file_.empty()) return address_;
  std::ifstream file(file_);
  std::string line;
  // A line without its end may be half of an address.
  if (!std::getline(file, line) || file.eof()) return address_;
  if (auto parsed = parse_address(trim(line))) address_ = *parsed;
  return address_;
}

void Pool::start(const std::shared_ptr<Exchange>& exchange, Protocol protocol, bool fresh) {
  forget_closed();
  std::shared_ptr<Connection> connection = fresh ? nullptr : kept_one(protocol);
  if (connection) {
    ++reused_;
  } else {
    connection = open(protocol, fresh);
  }
  carriers_[exchange.get()] = connection;
  exchange->done = [this, key = exchange.get(), done = std::move(exchange->done)](Outcome outcome) {
    carriers_.erase(key);
    done(std::move(outcome));
  };
  connection->start(exchange);
}

void Pool::cancel(const std::shared_ptr<Exchange>& exchange) {
  auto node = carriers_.extract(exchange.get());
  if (node.empty()) return;
  if (auto connection = node.mapped().lock()) connection->cancel(exchange);
}

void Pool::hurry() {
  hurry_ = true;
  Connections all = fresh_;
  for (const Connections& kept : connections_)
    all.insert(all.end(), kept.begin(), kept.end());
  for (const auto& connection : all)
    connection->hurry();
}

std::shared_ptr<Connection> Pool::open(Protocol protocol, bool fresh) {
  ConnectionSettings settings = kept_;
  settings.fresh = fresh;
  auto connection = Connection::create(loop_, protocol, settings);
  if (hurry_) connection->hurry();
  connection->open(context_, target_.now(), protocol);
  ++opened_;
  (fresh ? fresh_ : connections_[static_cast<int>(protocol)]).push_back(connection);
  return connection;
}

std::shared_ptr<Connection> Pool::kept_one(Protocol protocol) {
  Connections candidates = connections_[static_cast<int>(protocol)]; // a copy: looking may end a connection
  if (protocol == Protocol::http1) {
    // The one used last, so that spare ones grow idle and go.
    for (auto it = candidates.rbegin(); it != candidates.rend(); ++it) {
      if ((*it)->takes_more()) return *it;
    }
    return nullptr;
  }
  std::erase_if(candidates, [](const auto& connection) { return !connection->takes_more(); });
  if (candidates.size() < http2_connections_) return nullptr;
  return candidates[turn_++ % candidates.size()];
}

void Pool::forget_closed() {
  for (Connections* some : {&connections_[0], &connections_[1], &fresh_}) {
    for (const auto& connection : *some) {
      if (connection->idle_too_long()) connection->close();
    }
    std::erase_if(*some, [](const auto& connection) { return connection->closed(); });
  }
}

} // namespace tandem::load
