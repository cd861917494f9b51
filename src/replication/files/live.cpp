#include "replication/files/live.hpp"

#include "base/text.hpp"
#include "replication/files/receiver.hpp"
#include "replication/files/sender.hpp"
#include "system/watch.hpp"

namespace tandem::replication {

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto watermark_every = 1s;
constexpr std::size_t most_unsent = std::size_t{256} << 10U;
constexpr auto longest_collecting = 1ms;
constexpr int reads_a_turn = 64;
constexpr int writes_a_turn = 64; // then its owner is heard again

template <class Kind>
Result<std::vector<Kind>> open_roots(const std::vector<LiveRoot>& roots) {
  std::vector<Kind> opened;
  for (const auto& root : roots) {
    TANDEM_TRY(auto tree, system::Tree::open(root.path));
    opened.push_back(Kind{.tree = std::move(tree), .patterns = root.patterns});
  }
  return opened;
}

std::vector<std::string> paths_of(const std::vector<LiveRoot>& roots) {
  std::vector<std::string> paths;
  for (const auto& root : roots)
    paths.push_back(root.path);
  return paths;
}

} // namespace

// What the thread works with; on no other.
class LiveStream::Turn {
public:
  Turn(LiveStream& owner, system::Watch watch, stream::Sender sender)
      : owner_(owner), watch_(std::move(watch)), sender_(std::move(sender)) {}

  Result<void> go() {
    for (;;) {
      if (!take_orders()) return {};
      TANDEM_CHECK(see());
      if (socket_) {
        const auto heard = hear();
        if (!heard) tell();
        TANDEM_CHECK(heard);
        TANDEM_CHECK(ask_for_word());
        TANDEM_CHECK(speak_or_hear());
      }
      tell();
      wait();
    }
  }

private:
  // False: the end.
  bool take_orders() {
    owner_.waker_->calm();
    const std::lock_guard guard(owner_.mutex_);
    if (owner_.attached_) {
      socket_ = std::move(owner_.attached_);
      if (!owner_.equal_) sender_.look_again(true);
      // Of what changes by a name that is gone by now only the names that a file has besides say where it is.
      for (std::uint16_t root = 0; owner_.equal_ && root < owner_.roots_.size(); ++root)
        if (is_watched_by_name(owner_.roots_[root].path)) sender_.look_at({root, ""}, true);
    }
    for (const auto& [place, missing, extra] : std::exchange(owner_.to_look_at_, {}))
      sender_.look_at(place, missing);
    paused_ = owner_.paused_ > 0;
    asked_ = owner_.flushes_asked_;
    if (verified_ != owner_.verify_ && socket_) sender_.verify(owner_.verify_, owner_.verify_rate_);
    if (owner_.verify_rate_ == 0) sender_.end_verification();
    if (socket_) verified_ = owner_.verify_;
    return !owner_.stop_;
  }

  bool is_watched_by_name(const std::string& path) const {
    const auto& all = watch_.watched_by_name();
    return std::ranges::find(all, path) != all.end();
  }

  // All that the kernel has to say, unless it says more and more.
  Result<void> see() {
    seen_all_ = false;
    for (int reads = 0; reads < reads_a_turn; ++reads) {
      bool more = false;
      TANDEM_TRY(const auto changes, watch_.read(more));
      sender_.changed(changes);
      if (more) continue;
      seen_all_ = true;
      sender_.sighted(steady_clock::now());
      return {};
    }
    return {};
  }

  Result<void> hear() {
    for (;;) {
      TANDEM_TRY(const auto bytes, system::read_link(socket_.get()));
      if (!bytes) return fail(ErrorKind::unavailable, "the stream of files has broken off");
      if (bytes->empty()) return {};
      TANDEM_CHECK(
          reader_.take_each(*bytes, [&](const auto& message) { return sender_.take(message, steady_clock::now()); }));
    }
  }

  // A flush, or the moment that the files are complete to. What was told before see() is what it is about.
  Result<void> ask_for_word() {
    if (!seen_all_) return {};
    const auto now = steady_clock::now();
    const bool flush = flush_ == 0 && asked_ > flush_for_;
    const bool word = word_ == 0 && now >= next_word_;
    if (!flush && !word) return {};
    if (const auto replaced = sender_.replaced_root(); !replaced.empty())
      return failed(replaced + " is another folder by now");
    const auto barrier = sender_.barrier(flush);
    if (flush) {
      flush_for_ = asked_;
      flush_ = barrier;
    }
    if (word) {
      word_ = barrier;
      word_time_ = turn_began_;
      next_word_ = now + watermark_every;
    }
    return {};
  }

  // Who has gone may have said why.
  Result<void> speak_or_hear() {
    auto spoken = speak();
    if (spoken) return {};
    const auto heard = hear();
    tell();
    return !heard && heard.error().kind != ErrorKind::unavailable ? heard : spoken;
  }

  Result<void> speak() {
    if (paused_)
      sender_.hold();
    else
      sender_.go_on();
    for (int writes = 0; writes < writes_a_turn; ++writes) {
      while (!unsent_.empty()) {
        TANDEM_TRY(const auto took, system::write_link(socket_.get(), unsent_));
        if (took == 0) return {};
        unsent_.erase(0, took);
      }
      // What is there goes while the next is read, which may be a folder of thousands.
      const auto began = steady_clock::now();
      for (auto now = began; unsent_.size() < most_unsent && now - began < longest_collecting;
           now = steady_clock::now()) {
        TANDEM_TRY(const auto bytes, sender_.next(now));
        if (!bytes) break;
        unsent_ += *bytes;
      }
      if (unsent_.empty()) return {};
    }
    return {};
  }

  void tell() {
    owner_.tell([&](LiveState& state) {
      state.live = static_cast<bool>(socket_);
      state.problem = sender_.problem();
      state.waiting = sender_.waiting();
      state.removed = sender_.removed();
      if (const auto* now = sender_.verification(); now != nullptr && is_news(*now, state)) state.verification = *now;
      if (word_ != 0 && sender_.settled(word_)) {
        if (state.unwatched.empty()) state.complete_to = word_time_;
        word_ = 0;
      }
      if (flush_ != 0 && sender_.settled_on_disk(flush_)) {
        owner_.flushes_done_ = flush_for_;
        flush_ = 0;
      }
      owner_.quiet_ = paused_ && (!socket_ || (unsent_.empty() && sender_.quiet()));
    });
  }

  static bool is_news(const stream::VerificationState& now, const LiveState& told) {
    const auto& before = told.verification;
    return !before || before->number != now.number || before->files != now.files || before->bytes != now.bytes ||
           before->passed_over != now.passed_over || before->differences != now.differences || before->done != now.done;
  }

  void wait() {
    const auto now = steady_clock::now();
    auto limit = std::chrono::duration_cast<Milliseconds>(next_word_ - now) + 1ms;
    if (!socket_ || word_ != 0) limit = watermark_every;
    if (const auto due = socket_ ? sender_.next_time(now) : std::nullopt; due && unsent_.empty())
      limit = std::min(limit, std::chrono::duration_cast<Milliseconds>(*due - now) + (*due > now ? 1ms : 0ms));
    if (!seen_all_ || (socket_ && !paused_ && sender_.awaits_sight())) limit = 0ms;
    if (flush_ == 0 && asked_ > flush_for_) limit = 0ms; // came while another was waited for
    const auto [marks, folders] = watch_.descriptors();
    system::wait_for({{.descriptor = marks},
                      {.descriptor = folders},
                      {.descriptor = owner_.waker_->descriptor()},
                      {.descriptor = socket_.get()},
                      {.descriptor = unsent_.empty() ? -1 : socket_.get(), .room = true}},
                     std::max(limit, 0ms));
    turn_began_ = owner_.clock_.wall_time();
  }

  LiveStream& owner_;
  system::Watch watch_;
  stream::Sender sender_;
  stream::Reader reader_;
  system::Descriptor socket_;
  std::string unsent_;
  bool paused_ = false;
  bool seen_all_ = false;
  std::uint64_t asked_ = 0;     // flushes so far
  std::uint64_t verified_ = 0;  // the verification that was begun
  std::uint64_t flush_for_ = 0; // the latest that `flush_` is for
  std::uint64_t flush_ = 0;     // its barrier; 0: none
  std::uint64_t word_ = 0;      // the barrier for complete_to; 0: none
  std::chrono::system_clock::time_point turn_began_ = owner_.clock_.wall_time();
  std::chrono::system_clock::time_point word_time_ = turn_began_;
  steady_clock::time_point next_word_ = steady_clock::now();
};

LiveStream::LiveStream(std::vector<LiveRoot> roots, system::Clock& clock, StreamBounds bounds)
    : roots_(std::move(roots)), bounds_(bounds), clock_(clock), waker_(system::Waker::make()),
      thread_([this] { run(); }) {}

LiveStream::~LiveStream() {
  {
    const std::lock_guard guard(mutex_);
    stop_ = true;
  }
  if (waker_) waker_->wake();
  thread_.join();
}

bool LiveStream::leaves_out(const std::string& folder) const {
  return std::ranges::any_of(roots_, [&](const LiveRoot& root) {
    return folder.starts_with(root.path + "/") &&
           root.patterns.leave_out(std::string_view(folder).substr(root.path.size() + 1), true);
  });
}

void LiveStream::run() {
  const auto work = [this]() -> Result<void> {
    if (!waker_) return std::unexpected(waker_.error());
    TANDEM_TRY(auto watch, system::Watch::open(paths_of(roots_),
                                               {.each_folder = bounds_.each_folder,
                                                .leave_out = [this](const auto& path) { return leaves_out(path); }}));
    TANDEM_TRY(auto roots, open_roots<stream::Root>(roots_));
    tell([&](LiveState& state) {
      state.watching = true;
      state.unwatched = watch.unwatched();
      state.watched_by_name = watch.watched_by_name();
    });
    return Turn(*this, std::move(watch), stream::Sender(std::move(roots), bounds_)).go();
  };
  const auto done = work();
  tell([&](LiveState& state) {
    state.watching = state.live = false;
    state.ended = true;
    state.problem = done ? "" : describe(done.error());
    state.broke_off = !done && done.error().kind == ErrorKind::unavailable;
    state.guarded = !done && done.error().kind == ErrorKind::refused;
  });
}

void LiveStream::tell(const std::function<void(LiveState&)>& change) {
  const std::lock_guard guard(mutex_);
  change(state_);
  changed_.notify_all();
}

LiveState LiveStream::state() const {
  const std::lock_guard guard(mutex_);
  return state_;
}

void LiveStream::attach(system::Descriptor socket, bool equal) {
  {
    const std::lock_guard guard(mutex_);
    equal_ = equal;
    attached_ = std::move(socket);
  }
  if (waker_) waker_->wake();
}

Result<void> LiveStream::flush(Milliseconds limit) {
  std::unique_lock lock(mutex_);
  if (!state_.live) return fail(ErrorKind::unavailable, "changes are not streamed at the moment");
  if (!state_.unwatched.empty())
    return fail(ErrorKind::unavailable, "changes in " + join(state_.unwatched, ", ") + " are not seen");
  const auto mine = ++flushes_asked_;
  waker_->wake();
  const bool done = changed_.wait_for(lock, limit, [&] { return flushes_done_ >= mine || state_.ended; });
  if (flushes_done_ >= mine) return {};
  return fail(ErrorKind::unavailable, !state_.problem.empty() ? state_.problem
                                      : done                  ? "the stream of files has ended"
                                                              : "the standby has not got all of it yet");
}

void LiveStream::look_at(const std::vector<Census::Difference>& differences) {
  const std::lock_guard guard(mutex_);
  to_look_at_.insert(to_look_at_.end(), differences.begin(), differences.end());
  if (waker_) waker_->wake();
}

Result<std::uint64_t> LiveStream::verify(std::uint64_t bytes_per_second) {
  const std::lock_guard guard(mutex_);
  if (!state_.live) return fail(ErrorKind::unavailable, "changes are not streamed at the moment");
  const bool done = state_.verification && state_.verification->number == verify_ && state_.verification->done;
  if (verify_rate_ != 0 && !done) return fail(ErrorKind::refused, "its files are being verified already");
  verify_rate_ = std::max<std::uint64_t>(bytes_per_second, 1);
  ++verify_;
  waker_->wake();
  return verify_;
}

LiveState LiveStream::wait_verified(std::uint64_t number, Milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] {
    return state_.ended || (state_.verification && state_.verification->number == number && state_.verification->done);
  });
  return state_;
}

void LiveStream::end_verification(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  if (verify_ == number) verify_rate_ = 0;
  waker_->wake();
}

bool LiveStream::pause(Milliseconds limit) {
  std::unique_lock lock(mutex_);
  ++paused_;
  quiet_ = false;
  if (state_.ended || !waker_) return true;
  waker_->wake();
  if (changed_.wait_for(lock, limit, [&] { return quiet_ || state_.ended; })) return true;
  stop_ = true; // a receiver that does not answer must not write later
  waker_->wake();
  return false;
}

void LiveStream::resume() {
  {
    const std::lock_guard guard(mutex_);
    --paused_;
  }
  if (waker_) waker_->wake();
}

Result<void> receive_files(const std::vector<LiveRoot>& roots, double deletion_guard, int input, int output) {
  TANDEM_TRY(auto opened, open_roots<stream::Receiver::Root>(roots));
  for (std::size_t index = 0; index < opened.size(); ++index)
    opened[index].removed = roots[index].removed;
  std::string answers;
  stream::Receiver receiver(std::move(opened), deletion_guard,
                            [&](const stream::Message& message) { answers += stream::encode(message); });
  stream::Reader reader;
  for (;;) {
    TANDEM_TRY(const auto bytes, system::read_link(input));
    if (!bytes) return {};
    TANDEM_CHECK(
        reader.take_each(*bytes, [&](const auto& message) { return receiver.take(message, steady_clock::now()); }));
    receiver.say_taken();
    const auto said = system::write_link_all(output, std::exchange(answers, {}));
    if (!said && said.error().kind != ErrorKind::unavailable) return said; // gone: what has come is done all the same
    if (bytes->empty())
      system::wait_for({{.descriptor = input}, {.descriptor = receiver.descriptor()}}, std::chrono::minutes(1));
  }
}

} // namespace tandem::replication
