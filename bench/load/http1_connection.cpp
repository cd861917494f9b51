#include "bench/load/connection.hpp"
#include "bench/load/http1.hpp"

namespace tandem::load {

namespace {

constexpr std::size_t write_size = 64 * 1024;

class Http1Connection final : public Connection {
public:
  Http1Connection(Loop& loop, const ConnectionSettings& settings) : Connection(loop, settings) {}

protected:
  void begin(std::shared_ptr<Exchange> exchange) override {
    const Request& request = exchange->request;
    exchange_ = std::move(exchange);
    parser_ = Http1Parser();
    pace_.emplace(request.bytes_per_second, request.body.size());
    sent_ = 0;
    output_ += http1_head(request, settings_.domain, !settings_.fresh);
  }

  void give_up(const std::shared_ptr<Exchange>& exchange) override {
    if (exchange_ == exchange) exchange_.reset(); // half an exchange is on the wire: Connection::cancel closes it
  }

  void produce() override {
    if (!exchange_ || sent_ == exchange_->request.body.size()) return;
    std::size_t allowed = pace_->allowed(Clock::now(), hurry_);
    std::size_t bytes = std::min(allowed - sent_, write_size);
    output_.append(exchange_->request.body, sent_, bytes);
    sent_ += bytes;
    if (bytes == 0) pump_after(pace_step);
  }

  void received(std::string_view bytes) override {
    if (!exchange_) return unexpected(bytes);
    std::size_t used = parser_.feed(bytes);
    if (parser_.broken()) return end({"bad answer", parser_.error()}, false);
    if (!parser_.done()) return;
    answered();
    if (used < bytes.size() && !closed()) unexpected(bytes.substr(used));
  }

  void ended(const Failure& why, bool clean) override {
    if (!exchange_) return;
    bool begun = parser_.begun();
    parser_.end_of_stream(clean);
    if (parser_.done()) return answered();
    auto exchange = std::exchange(exchange_, nullptr);
    if (begun && why.reason != "bad answer") {
      exchange->finish(std::unexpected(Failure{"answer cut short", why.reason}));
    } else {
      exchange->finish(std::unexpected(why));
    }
  }

  [[nodiscard]] std::size_t carried() const override { return exchange_ ? 1 : 0; }

  [[nodiscard]] bool room() const override { return !exchange_ && output_.empty(); }

private:
  void answered() {
    auto exchange = std::exchange(exchange_, nullptr);
    bool whole = output_.empty() && sent_ == exchange->request.body.size();
    if (!whole) {
      // The server answered without wanting the rest; what is left of the body belongs nowhere.
      output_.clear();
      close();
    }
    if (!parser_.reusable()) retire();
    exchange->finish(parser_.take());
  }

  // Bytes that nobody asked for, such as a 408 to an idle connection: there is no trusting it any more.
  void unexpected(std::string_view) { close(); }

  std::shared_ptr<Exchange> exchange_;
  Http1Parser parser_;
  std::optional<Pace> pace_;
  std::size_t sent_ = 0; // of the body
};

} // namespace

std::shared_ptr<Connection> make_http1_connection(Loop& loop, const ConnectionSettings& settings) {
  return std::make_shared<Http1Connection>(loop, settings);
}

} // namespace tandem::load
