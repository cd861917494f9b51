#include "agent/halt.hpp"

#include "base/text.hpp"
#include "system/pause.hpp"

namespace tandem::agent {

namespace {

constexpr std::chrono::milliseconds look_at_halt{20};

} // namespace

bool HaltFile::names(const std::string& point) const {
  const auto held = files_.read(path_);
  return held && trim(*held) == point;
}

void HaltFile::tell(const std::string& point) const {
  const auto told = files_.read(path_ + "ed");
  if (told && trim(*told) == point) return;
  static_cast<void>(files_.write(path_ + "ed", point + "\n", 0644, {})); // who waits for it sees that it does not come
}

Result<void> Halting::at(const std::string& point, const std::string& where) const {
  if (!file_.names(point)) return {};
  tell_(fmt::format("stands still {}, as long as {} says so", where, file_.path()));
  do {
    if (ended_()) return fail(ErrorKind::unavailable, "it was to end while it stood still " + where);
    system::pause_thread(look_at_halt);
  } while (file_.names(point));
  return {};
}

Result<void> ApplyHalts::reached(converge::Moment moment, const converge::Change& change) {
  const auto* name = moment == converge::Moment::before ? "before" : "after";
  const auto point = fmt::format("apply {} {}", name, ++changes_.at(static_cast<std::size_t>(moment)));
  return halting_.at(point, fmt::format("{} {}", name, change.id));
}

} // namespace tandem::agent
