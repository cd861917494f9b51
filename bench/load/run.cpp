#include "bench/load/run.hpp"

#include "bench/load/ledger.hpp"
#include "bench/load/pool.hpp"
#include "bench/load/shop.hpp"

#include <csignal>
#include <deque>

namespace tandem::load {

namespace {

using std::chrono::milliseconds;

struct AcknowledgedPhoto {
  std::string reference, sha256;
};

struct Underway {
  Measured measured;
  std::shared_ptr<Exchange> exchange;
  Loop::Token deadline = 0;
  std::size_t visitor = 0;
  std::string sha256; // what a photo's content is, or a media file's must be
};

class Runner {
public:
  Runner(const RunSettings& settings, const RunCallbacks& callbacks, TlsContext& context, LedgerWriter ledger)
      : settings_(settings), callbacks_(callbacks), ledger_(std::move(ledger)),
        pool_(loop_, context, Target(settings.connect, settings.connect_file),
              ConnectionSettings{settings.domain, false, settings.requests_per_connection, settings.idle},
              settings.http2_connections),
        visitors_(settings.visitors) {
    summary_.run = settings.run;
    summary_.domain = settings.domain;
    summary_.rate = settings.mix.rate;
  }

  Result<Summary> work();

private:
  void fetch_token(std::size_t visitor);
  void begin();
  void start_due();
  void start(std::uint64_t index);
  Request make(const Planned& planned, Underway& underway);
  Request make_write(const Planned& planned, Underway& underway);
  void record_start(const Underway& underway, std::size_t size);
  void ended(std::uint64_t index, Outcome outcome);
  void timed_out(std::uint64_t index);
  void stop(std::string_view by);
  void on_signal();
  void tell_progress();
  [[nodiscard]] milliseconds patience(Kind kind) const;

  std::string now_text() { return summary_.wall.text(Clock::now()); }

  const RunSettings& settings_;
  const RunCallbacks& callbacks_;
  Loop loop_;
  LedgerWriter ledger_;
  Pool pool_;
  std::vector<Visitor> visitors_;
  std::size_t tokens_wanted_ = 0;
  Summary summary_;
  std::map<std::uint64_t, Underway> underway_;
  std::deque<AcknowledgedPhoto> photos_; // the last ones, to be looked at
  std::uint64_t next_ = 0;
  Loop::Token next_timer_ = 0;
  bool begun_ = false;
  bool stopping_ = false;
  std::optional<Error> error_; // why the run cannot go on
};

Result<Summary> Runner::work() {
  std::signal(SIGPIPE, SIG_IGN);
  loop_.on_stop_signal([this] { on_signal(); });
  tokens_wanted_ = visitors_.size();
  for (std::size_t i = 0; i < visitors_.size(); ++i)
    fetch_token(i);
  if (visitors_.empty()) begin();
  while (!error_ && !(stopping_ && underway_.empty()))
    loop_.turn();
  if (!ledger_.error().empty()) error_ = Error{ErrorKind::failed, "writing the ledger: " + ledger_.error(), {}};
  if (error_) return std::unexpected(*error_);
  summary_.ended = Clock::now();
  summary_.figures.end();
  summary_.connections_opened = pool_.opened();
  summary_.connections_reused = pool_.reused();
  return std::move(summary_);
}

void Runner::fetch_token(std::size_t visitor) {
  auto exchange = std::make_shared<Exchange>();
  exchange->request = get({}, "/order/");
  Loop::Token deadline = loop_.at(Clock::now() + settings_.timeout, [exchange, this] {
    pool_.cancel(exchange);
    exchange->finish(std::unexpected(Failure{"timed out", {}}));
  });
  exchange->done = [this, visitor, deadline](Outcome outcome) {
    loop_.cancel(deadline);
    std::string where = fmt::format("getting the order form of https://{}/order/", settings_.domain);
    if (!outcome || outcome->status != 200) {
      std::string why =
          outcome ? fmt::format("status {}", outcome->status) : outcome.error().reason + " " + outcome.error().detail;
      error_ = Error{ErrorKind::unavailable, where + ": " + why, "The run needs a shop that works when it begins."};
      return;
    }
    take_cookies(visitors_[visitor], *outcome);
    auto token = form_token(outcome->body);
    if (!token) {
      error_ = std::move(token).error().within(where);
      return;
    }
    visitors_[visitor].token = std::move(*token);
    if (--tokens_wanted_ == 0) loop_.at(Clock::now(), [this] { begin(); });
  };
  pool_.start(exchange, visitor % 2 == 0 || settings_.mix.http2 <= 0 ? Protocol::http1 : Protocol::http2, false);
}

void Runner::begin() {
  if (stopping_) return;
  begun_ = true;
  summary_.begun = Clock::now();
  summary_.figures.begin(summary_.begun);
  if (callbacks_.on_ready) callbacks_.on_ready();
  loop_.at(summary_.begun + settings_.duration, [this] { stop("duration"); });
  loop_.at(summary_.begun + milliseconds(1000), [this] { tell_progress(); });
  start_due();
}

void Runner::start_due() {
  next_timer_ = 0;
  while (!stopping_ && summary_.begun + due(settings_.mix, next_) <= Clock::now()) {
    start(next_++);
    if (next_ == settings_.most_requests) stop("count");
    if (!ledger_.error().empty()) stop("ledger");
  }
  if (!stopping_) next_timer_ = loop_.at(summary_.begun + due(settings_.mix, next_), [this] { start_due(); });
}

milliseconds Runner::patience(Kind kind) const {
  if (kind != Kind::slow_photo) return settings_.timeout;
  return settings_.timeout + milliseconds(settings_.slow_photo_size * 1000 / settings_.slow_photo_bytes_per_second);
}

void Runner::start(std::uint64_t index) {
  const Planned what = planned(settings_.mix, index);
  Underway underway;
  underway.measured = {what.kind, what.protocol, what.fresh, summary_.begun + due(settings_.mix, index), {}};
  underway.visitor = visitors_.empty() ? 0 : what.random % visitors_.size();
  underway.exchange = std::make_shared<Exchange>();
  underway.exchange->request = make(what, underway);
  underway.exchange->done = [this, index](Outcome outcome) { ended(index, std::move(outcome)); };
  underway.deadline = loop_.at(underway.measured.scheduled + patience(what.kind), [this, index] { timed_out(index); });
  record_start(underway, underway.exchange->request.body.size());
  auto exchange = underway.exchange;
  underway_.emplace(index, std::move(underway));
  if (underway_.size() > settings_.most_in_flight) {
    return exchange->finish(std::unexpected(Failure{"too many in flight", {}}));
  }
  pool_.start(exchange, what.protocol, what.fresh);
}

Request Runner::make(const Planned& planned, Underway& underway) {
  if (is_write(planned.kind)) return make_write(planned, underway);
  const Visitor& visitor = visitors_[underway.visitor];
  const auto product = (planned.random >> 8) % settings_.products + 1;
  switch (planned.kind) {
  case Kind::home:
    return get(visitor, "/");
  case Kind::product:
    return get(visitor, fmt::format("/product/{}/", product));
  case Kind::slow_page:
    return get(visitor, fmt::format("/slow/?seconds={}", settings_.slow_page_seconds));
  case Kind::media:
    if (!photos_.empty()) {
      const AcknowledgedPhoto& photo = photos_[(planned.random >> 8) % photos_.size()];
      underway.sha256 = photo.sha256;
      return get({}, media_path(photo.reference, photo.sha256));
    }
    [[fallthrough]]; // nothing to look at yet
  default:
    underway.measured.kind = Kind::static_file;
    return get({}, settings_.static_path);
  }
}

Request Runner::make_write(const Planned& planned, Underway& underway) {
  const Visitor& visitor = visitors_[underway.visitor];
  const auto product = static_cast<unsigned>((planned.random >> 8) % settings_.products + 1);
  std::string& reference = underway.measured.reference;
  reference = fmt::format("{}-{:06}", settings_.run, summary_.figures.writes + 1);
  if (planned.kind == Kind::order) {
    return order(visitor, settings_.domain, reference, product, 1 + static_cast<unsigned>(planned.random >> 32) % 5);
  }
  const bool slow = planned.kind == Kind::slow_photo;
  std::string content = photo_content(reference, slow ? settings_.slow_photo_size : settings_.photo_size);
  underway.sha256 = sha256_of(content);
  Request request = photo(visitor, settings_.domain, reference, product, content);
  if (slow) request.bytes_per_second = settings_.slow_photo_bytes_per_second;
  return request;
}

void Runner::record_start(const Underway& underway, std::size_t size) {
  const Measured& measured = underway.measured;
  summary_.figures.started(measured, Clock::now());
  if (!is_write(measured.kind)) return;
  ledger_.started({measured.kind, measured.protocol, measured.reference, underway.sha256, size}, now_text());
}

void Runner::ended(std::uint64_t index, Outcome outcome) {
  auto node = underway_.extract(index);
  if (node.empty()) return;
  const Underway& underway = node.mapped();
  const Measured& measured = underway.measured;
  loop_.cancel(underway.deadline);
  const Moment now = Clock::now();
  std::optional<Failure> failure =
      outcome ? judge(measured.kind, *outcome, measured.reference, underway.sha256) : std::optional(outcome.error());
  if (failure) {
    summary_.figures.failed(measured, *failure, now);
    if (is_write(measured.kind)) ledger_.failed(measured.reference, summary_.wall.text(now), *failure);
    return;
  }
  summary_.figures.answered(measured, now);
  if (!is_write(measured.kind)) return;
  take_cookies(visitors_[underway.visitor], *outcome);
  double waited = std::chrono::duration<double, std::milli>(now - measured.scheduled).count();
  ledger_.acknowledged(measured.reference, summary_.wall.text(now), waited);
  if (measured.kind != Kind::photo) return;
  photos_.emplace_back(measured.reference, underway.sha256);
  if (photos_.size() > 50) photos_.pop_front();
}

void Runner::timed_out(std::uint64_t index) {
  auto found = underway_.find(index);
  if (found == underway_.end()) return;
  auto exchange = found->second.exchange;
  pool_.cancel(exchange);
  exchange->finish(std::unexpected(Failure{"timed out", {}}));
}

void Runner::stop(std::string_view by) {
  if (stopping_) return;
  stopping_ = true;
  if (next_timer_ != 0) loop_.cancel(next_timer_);
  summary_.stopped_by = by;
  summary_.stopped = Clock::now();
  summary_.figures.stopped(summary_.stopped);
  pool_.hurry();
}

void Runner::on_signal() {
  if (!begun_) {
    error_ = Error{ErrorKind::failed, "stopped before the first request", {}};
    return;
  }
  if (!stopping_) return stop("signal");
  auto all = underway_;
  for (auto& [index, underway] : all) {
    pool_.cancel(underway.exchange);
    underway.exchange->finish(std::unexpected(Failure{"given up", "by a second signal"}));
  }
}

void Runner::tell_progress() {
  const Moment now = Clock::now();
  Progress progress{.time = summary_.wall.text(now),
                    .second = summary_.figures.second(),
                    .answered = summary_.figures.ok,
                    .failed = summary_.figures.failures,
                    .in_flight = underway_.size()};
  for (const auto& [index, underway] : underway_) {
    if (is_slow(underway.measured.kind)) continue;
    progress.oldest_ms = std::chrono::duration<double, std::milli>(now - underway.measured.scheduled).count();
    break; // they stand in the order of their schedule
  }
  if (callbacks_.on_progress) callbacks_.on_progress(progress);
  loop_.at(now + milliseconds(1000), [this] { tell_progress(); });
}

} // namespace

Result<Summary> run(const RunSettings& settings, const RunCallbacks& callbacks) {
  TANDEM_TRY(auto context, TlsContext::create(settings.ca_file));
  TANDEM_TRY(auto ledger,
             LedgerWriter::create(settings.ledger, settings.run, settings.domain, WallClock().text(Clock::now())));
  return Runner(settings, callbacks, *context, std::move(ledger)).work();
}

} // namespace tandem::load
