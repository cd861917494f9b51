#include "agent/last_files.hpp"

namespace tandem::agent {

namespace {

constexpr auto* latch = "last-files";

} // namespace

std::future<Result<void>> LastFiles::take() {
  const std::lock_guard guard(mutex_);
  return std::exchange(pass_, {});
}

void LastFiles::make_ready(const Job& job) {
  job.let_go();
  if (auto unused = take(); unused.valid()) unused.wait();
  job.hold();
  const std::lock_guard guard(mutex_);
  pass_ = std::async(std::launch::async, job.pass, true);
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
  return {.hold = [&agent] { agent.on_loop([&agent] { agent.streams().hold(latch); }); },
          .let_go = [&agent] { agent.on_loop([&agent] { agent.streams().let_go(latch); }); },
          .pass = pass,
          .progress = progress};
}

} // namespace tandem::agent
