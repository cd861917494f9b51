// Keeps the files of one standby equal to this server's as they change: a thread of its own that waits for the kernel's
// word, the standby's answers and its owner. First it only watches; from attach() on it sends what has changed since
// then, and what differs otherwise, unless somebody else has made the trees equal meanwhile.
#pragma once
#include "replication/files/census.hpp"
#include "replication/files/patterns.hpp"
#include "replication/files/stream_bounds.hpp"
#include "replication/files/stream_messages.hpp"
#include "replication/files/verification_state.hpp"
#include "system/clock.hpp"
#include "system/link.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace tandem::replication {

// Of what the two ends say to each other (stream_messages.hpp). Another one is not understood.
constexpr std::uint64_t stream_version = 2;

struct LiveRoot {
  std::string path;
  Patterns patterns = {};
  std::uint64_t removed = 0; // for a receiver: how many names were removed from it within this hour already
};

struct LiveState {
  bool watching = false;  // whatever changes from here on is seen
  bool live = false;      // and sent
  bool ended = false;     // for good: `problem` says why
  bool broke_off = false; // it ended since the receiver has gone, which its server's agent tells as well
  bool guarded = false;   // it ended since too much would be removed
  // How many names fewer the standby has in each root than an hour ago, by the root's path, where that is known.
  std::map<std::string, std::uint64_t> removed = {};
  std::string problem = {};
  std::vector<std::string> unwatched = {};       // roots of whose changes nothing is known
  std::vector<std::string> watched_by_name = {}; // roots of which each folder is watched by itself
  std::size_t waiting = 0;                       // places and large files that are not sent yet
  std::optional<stream::VerificationState> verification = {};
  // The standby has everything up to this moment.
  std::optional<std::chrono::system_clock::time_point> complete_to = {};
};

class LiveStream {
public:
  using Milliseconds = std::chrono::milliseconds;

  // Begins to watch.
  LiveStream(std::vector<LiveRoot> roots, system::Clock& clock, StreamBounds bounds = {});
  ~LiveStream(); // ends it and waits for that
  LiveStream(const LiveStream&) = delete;
  LiveStream& operator=(const LiveStream&) = delete;

  // Any thread.
  [[nodiscard]] LiveState state() const;
  // A socket to the receiver. Once. `equal`: nothing differs but for what has changed since state().watching.
  void attach(system::Descriptor socket, bool equal);
  // What a census has found: it is looked at once there is a receiver, and before a flush() that begins later returns.
  void look_at(const std::vector<Census::Difference>& differences);
  // Waits until the standby has, on its disk, all that was closed before the call. unavailable: it has not come to
  // that.
  Result<void> flush(Milliseconds limit);
  // Compares the content of all files with the standby's, at so many bytes a second; what differs is sent again. Its
  // number in state().verification, whose end wait_verified() waits for. refused: one is under way.
  Result<std::uint64_t> verify(std::uint64_t bytes_per_second);
  // Returns after so long at the latest.
  [[nodiscard]] LiveState wait_verified(std::uint64_t number, Milliseconds limit);
  void end_verification(std::uint64_t number);
  // Sends nothing more until resume(), and returns when the receiver has done, and has on its disk, all that was sent.
  // Counted. Without a receiver at once; false with one that does not answer within the limit, which ends the stream.
  bool pause(Milliseconds limit);
  void resume();

private:
  class Turn;

  void run();
  [[nodiscard]] bool leaves_out(const std::string& folder) const;
  void tell(const std::function<void(LiveState&)>& change);

  const std::vector<LiveRoot> roots_;
  const StreamBounds bounds_;
  system::Clock& clock_;
  Result<system::Waker> waker_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // ---- guarded by mutex_
  LiveState state_;
  system::Descriptor attached_;
  bool equal_ = false; // then
  std::vector<Census::Difference> to_look_at_;
  bool stop_ = false;
  int paused_ = 0;
  bool quiet_ = false; // the pause has come to its end
  std::uint64_t flushes_asked_ = 0;
  std::uint64_t flushes_done_ = 0;
  std::uint64_t verify_ = 0; // the latest verification's number; it is under way while that is its state's, or none's
  std::uint64_t verify_rate_ = 0; // 0: it is to end
  // ----
  std::thread thread_;
};

// The receiver's program: reads messages from `input` until its end and answers on `output`. More removals than that
// part of a root within an hour end the sender's stream: somebody has to look first.
Result<void> receive_files(const std::vector<LiveRoot>& roots, double deletion_guard, int input, int output);

} // namespace tandem::replication
