#include "agent/last_files.hpp"

#include "system/pause.hpp"

namespace tandem::agent {

namespace {

constexpr auto* latch = "last-files";
constexpr std::chrono::milliseconds look_at_pass{20};
constexpr std::chrono::minutes longest_held{5}; // longer than any switchover needs from there to its last files

} // namespace

std::future<Result<void>> LastFiles::take() {
  const std::lock_guard guard(mutex_);
  return std::exchange(pass_, {});
}

void LastFiles::make_ready(const Job& job) {
  job.let_go();
  if (auto unused = take(); unused.valid()) unused.wait();
  job.hold();
  const auto task = std::make_shared<std::packaged_task<Result<void>()>>([pass = job.pass] { return pass(true); });
  {
    const std::lock_guard guard(mutex_);
    pass_ = task->get_future();
  }
  job.start([task] { (*task)(); });
}

Result<void> LastFiles::wait_ready(const Job& job, const std::function<bool()>& ended) {
  for (;;) {
    {
      const std::lock_guard guard(mutex_);
      if (!pass_.valid() || pass_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) return {};
    }
    if (job.waits()) return {};
    if (ended()) return fail(ErrorKind::refused, "the files are being compared still", "Try again when that has ended");
    system::pause_thread(look_at_pass);
  }
}

Result<void> LastFiles::finish(const Job& job) {
  job.let_go();
  auto ready = take();
  if (!ready.valid()) return job.pass(false);
  const auto done = ready.get();
  if (done) return {};
  job.progress("the last files: " + describe(done.error()) + "; once more");
  return job.pass(false);
}

LastFiles::Job last_files_to(const std::string& server, Agent& agent, std::shared_ptr<const model::Pair> pair,
                             FilesLedger& ledger, replication::Progress progress) {
  const auto pass = [server, &agent, pair, &ledger, progress](bool held) -> Result<void> {
    const auto working = ledger.wait();
    TANDEM_CHECK(catch_up_server(agent, *pair, server, ledger, progress, held ? latch : ""));
    return {};
  };
  return {.hold = [&agent] { agent.on_loop([&agent] { agent.streams().hold(latch, longest_held); }); },
          .let_go = [&agent] { agent.on_loop([&agent] { agent.streams().let_go(latch); }); },
          .waits =
              [&agent] {
                bool waits = false;
                agent.on_loop([&] { waits = agent.streams().waiting(latch) > 0; });
                return waits;
              },
          .start = [&agent](std::function<void()> work) { agent.in_background(std::move(work)); },
          .pass = pass,
          .progress = progress};
}

} // namespace tandem::agent
