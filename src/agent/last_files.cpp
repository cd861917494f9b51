#include "agent/last_files.hpp"

namespace tandem::agent {

namespace {

constexpr auto* latch = "last-files";

Result<void> run(const LastFiles::Job& job, const std::string& held_by) {
  const auto held = job.files.wait();
  TANDEM_CHECK(catch_up_server(job.agent, *job.pair, job.server, job.files, job.progress, held_by));
  return {};
}

} // namespace

std::future<Result<void>> LastFiles::take() {
  const std::lock_guard guard(mutex_);
  return std::exchange(pass_, {});
}

void LastFiles::make_ready(const Job& job) {
  go(job.agent);
  if (auto unused = take(); unused.valid()) unused.wait();
  job.agent.on_loop([&] { job.agent.streams().hold(latch); });
  const std::lock_guard guard(mutex_);
  pass_ = std::async(std::launch::async, [job] { return run(job, latch); });
}

void LastFiles::go(Agent& agent) {
  agent.on_loop([&] { agent.streams().let_go(latch); });
}

Result<void> LastFiles::finish(const Job& job) {
  go(job.agent);
  auto ready = take();
  if (!ready.valid()) return run(job, {});
  const auto done = ready.get();
  if (done) return {};
  job.progress("the last files: " + describe(done.error()) + "; once more");
  return run(job, {});
}

} // namespace tandem::agent
