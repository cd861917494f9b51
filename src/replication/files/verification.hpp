// Compares the content of all files with the standby's, a piece at a time and at a bounded rate, beside the stream. A
// piece that differs is compared once more when the standby has all that had changed until then: what still differs,
// and has not changed here meanwhile, is a difference that the stream has not seen. Knows no clock.
#pragma once
#include "replication/files/dirty_queue.hpp"
#include "replication/files/name_search.hpp"
#include "replication/files/verification_state.hpp"

#include <deque>
#include <functional>

namespace tandem::replication::stream {

// SHA-256.
[[nodiscard]] std::string digest_of_piece(std::string_view bytes);

class Verification {
public:
  Verification(std::uint64_t number, std::size_t roots, std::uint64_t bytes_per_second);

  [[nodiscard]] const VerificationState& state() const { return state_; }

  // Whether step() has something to do now, when the standby has everything up to `settled`.
  [[nodiscard]] bool may_go_on(Time now, std::uint64_t settled) const;
  // When the rate lets it go on; nullopt: it waits for something else.
  [[nodiscard]] std::optional<Time> next_time() const;

  // The next piece; nullopt: this was a step on the way. `waits`: whether something is still to be sent of a place.
  using Waits = std::function<bool(const Place&)>;
  std::optional<Check> step(const std::vector<Root>& roots, Time now, std::uint64_t settled, const Waits& waits);

  // What differed for the first time waits for the kernel's word, and then for that barrier.
  [[nodiscard]] bool awaits_sight() const { return !unsighted_.empty(); }

  void sighted(std::uint64_t barrier);

  // The receiver has compared. A file that is to be sent again; invalid: nothing was asked.
  Result<std::optional<Place>> answered(const Checked& answer, const std::vector<Root>& roots);

private:
  struct Asked {
    Place place;
    system::Node node; // as it was then
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool again = false;
    std::uint64_t barrier = 0;
    Time asked = {};
  };

  struct Current {
    Place place;
    system::Descriptor file;
    system::Node node;
    std::uint64_t offset = 0;
  };

  [[nodiscard]] bool has_more() const { return current_ || !names_.empty() || !folders_.empty(); }

  [[nodiscard]] bool has_due(Time now, std::uint64_t settled) const;
  [[nodiscard]] bool may_read_on() const;

  void next_name(const std::vector<Root>& roots, const Waits& waits);
  void open(const std::vector<Root>& roots, Place place);
  void note_problem(const std::string& why);
  std::optional<Check> next_piece(Time now);
  std::optional<Check> compare_again(const std::vector<Root>& roots, Time now, std::uint64_t settled,
                                     const Waits& waits);
  Check ask(Asked what, const std::string& bytes, Time now);
  void end_when_done();

  VerificationState state_;
  std::uint64_t rate_;
  Time not_before_ = {};
  std::vector<Place> folders_; // the next one last
  std::vector<Place> names_;   // of one folder
  std::optional<Current> current_;
  std::map<std::uint64_t, Asked> asked_;
  std::vector<Asked> unsighted_;
  std::deque<Asked> suspects_;
  std::set<Place> different_;
  std::uint64_t next_number_ = 1;
};

} // namespace tandem::replication::stream
