// Whether the replicated folders of two servers are alike: each adds up all that is compared of what stands in a
// folder, both at the same time, and the sums alone cross the wire. By the rules of the comparison with rsync, and as
// closely: what it finds nothing in, that would find nothing in. Reads, and changes nothing.
#pragma once
#include "model/pair.hpp"
#include "replication/files/patterns.hpp"
#include "replication/files/stream_messages.hpp"

#include <functional>
#include <memory>

namespace tandem::replication {

struct CensusRoot {
  std::string path;
  Patterns patterns = {};
};

// What the programs at both ends are told, in words of a command line: "--root=/www" and its rules, "--rule=…".
[[nodiscard]] std::vector<std::string> census_words(const model::Pair& pair);
// invalid: none of these words.
Result<std::vector<CensusRoot>> census_roots(const std::vector<std::string>& words);

struct Census {
  std::uint64_t names = 0;                // that there are here, the roots among them
  std::uint64_t unlike = 0;               // folders in which something differs
  std::uint64_t groups = 0;               // roots whose files have other names in common there
  std::vector<stream::Place> places = {}; // of the folders; not more than a thousand

  struct Difference {
    stream::Place place;
    bool missing = false; // it is here and not there
    bool extra = false;   // what is there would have to be removed, or is nothing that a stream carries
    bool operator==(const Difference&) const = default;
  };

  // What differs in them for longer than it takes to be sent, with all that lies below; nothing when that is too much,
  // or not all that differs.
  std::optional<std::vector<Difference>> differences = {};

  [[nodiscard]] bool alike() const { return unlike + groups == 0; }
};

// The primary's end, over a stream to the other.
class CensusTaker {
public:
  // Both descriptors stay open.
  static Result<CensusTaker> open(const std::vector<CensusRoot>& roots, int input, int output);
  ~CensusTaker();
  CensusTaker(CensusTaker&& other) noexcept;
  CensusTaker& operator=(CensusTaker&&) = delete;

  // unavailable: the other end has gone. Any other error: something could not be read, and nothing is known.
  Result<Census> take_all();
  // These folders alone, without those in them.
  Result<Census> take(const std::vector<stream::Place>& folders);
  // What differs in these folders; nothing when that is too much, or cannot be said.
  Result<std::optional<std::vector<Census::Difference>>> differences_in(const std::vector<stream::Place>& folders);

private:
  class Work;

  explicit CensusTaker(std::unique_ptr<Work> work);

  std::unique_ptr<Work> work_;
};

// All of it; and what was unlike once more, a few times, after `flush` has seen to it that the standby has what had
// changed until then. Where it fails what was found stands.
Result<Census> take_census(CensusTaker& taker, const std::function<Result<void>()>& flush);

// The standby's end: answers until its input ends.
Result<void> answer_census(const std::vector<CensusRoot>& roots, int input, int output);

} // namespace tandem::replication
