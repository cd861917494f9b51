// A connection that carries frames, as sessions see it. Lives on the loop; every call there.
#pragma once
#include "base/result.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tandem::peer {

class Connection {
public:
  struct Events {
    std::function<void(std::string payload)> on_frame;
    // Once, when the connection has ended for any reason other than our own close(). Nothing comes after it.
    // unavailable: closed or lost; invalid: what came breaks the rules (cut short, too large).
    std::function<void(Error why)> on_closed;
  };

  virtual ~Connection() = default;
  // Begins to read. Once. The events are dropped when the connection ends, and with them what they hold.
  virtual void start(Events events) = 0;
  // Another owner: from here on these events instead of those given to start().
  virtual void redirect(Events events) = 0;
  // Queues one frame. After the end it does nothing.
  virtual void send(std::string_view payload) = 0;
  // Sends what is queued (for at most a few seconds), then closes. No event comes any more.
  virtual void close() = 0;
  // Ends it at once, as if the other side had gone; on_closed tells why.
  virtual void abort(Error why) = 0;
  // Stops taking frames, so that the other side has to wait; and goes on.
  virtual void pause() = 0;
  virtual void resume() = 0;
  // Bytes that wait to be sent.
  [[nodiscard]] virtual std::size_t queued() const = 0;
  // Called each time the queue has become empty.
  virtual void on_drained(std::function<void()> work) = 0;
  // The largest frame that is taken from now on.
  virtual void limit_frames(std::size_t largest) = 0;

  // The name in the certificate that the other side proved; empty when it showed none.
  [[nodiscard]] virtual const std::string& name() const = 0;
  // Where it is, for messages: "192.0.2.11:40312" or "command of user 0".
  [[nodiscard]] virtual const std::string& where() const = 0;
};

using ConnectionPtr = std::shared_ptr<Connection>;

} // namespace tandem::peer
