// What the two ends of the file stream say to each other. Four bytes of length, then a letter for the kind, then its
// members; numbers most significant byte first, texts and lists with their length before them. Roots are numbers: their
// place in the list with which the receiver was started. Pure; nothing that comes is believed.
#pragma once
#include "base/result.hpp"
#include "system/tree.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tandem::replication::stream {

struct Place {
  std::uint16_t root = 0;
  std::string path; // relative; "" is the root itself
  auto operator<=>(const Place&) const = default;
};

// That place, or one below it.
[[nodiscard]] bool lies_at(const Place& place, const Place& folder);
// The folder around it; of a root the root.
[[nodiscard]] Place folder_of(const Place& place);
[[nodiscard]] Place place_in(const Place& folder, const std::string& name);
// Where one that lies at `from` is once that is renamed.
[[nodiscard]] Place moved(const Place& place, const Place& from, const Place& to);

// Calls `visit` with each entry of a map by Place that is of that place or of one below it. Those below stand together.
template <class Map, class Visit>
void for_each_at(Map& places, const Place& place, const Visit& visit) {
  if (const auto own = places.find(place); own != places.end()) visit(*own);
  const Place first{place.root, place.path.empty() ? "" : place.path + "/"};
  for (auto at = places.lower_bound(first); at != places.end() && lies_at(at->first, place); ++at)
    if (at->first != place) visit(*at);
}

// ---- from the primary

// A file with its content. `order`: the sender's own, given back in a Want.
struct Put {
  Place place;
  std::uint64_t order = 0;
  system::Node node;
  std::string content;
  bool packed = false; // as system::pack has it
  bool operator==(const Put&) const = default;
};

// What a name is: a folder or a link is made so; of a file owner, mode and the like, and the receiver says Want when
// its own has another size or time, or more names than node.links, which are those in the root.
struct Offer {
  Place place;
  std::uint64_t order = 0;
  system::Node node;
  bool operator==(const Offer&) const = default;
};

// A large file, in pieces between which other messages come.
struct Begin {
  std::uint64_t transfer = 0;
  Place place;
  // Its size, when the Sums of what stands there are waited for before a piece of it is sent; 0: they are not.
  std::uint64_t sums_for = 0;
  bool operator==(const Begin&) const = default;
};

struct Piece {
  std::uint64_t transfer = 0;
  std::uint64_t offset = 0;
  std::string bytes;
  bool packed = false;
  bool delta = false; // what is new in it, as system::DeltaJob has it: in its order, without an offset
  bool operator==(const Piece&) const = default;
};

struct End {
  std::uint64_t transfer = 0;
  system::Node node;
  system::Sum sum; // of all its content
  bool operator==(const End&) const = default;
};

struct Drop { // it changed while it was read
  std::uint64_t transfer = 0;
  bool operator==(const Drop&) const = default;
};

struct Remove {
  Place place;
  bool extra = false; // it was found when the trees were compared: for the guard nothing is set against it
  bool operator==(const Remove&) const = default;
};

// A receiver that cannot says Want, deep, for `to`.
struct Rename {
  Place from;
  Place to;
  std::uint64_t order = 0;
  bool operator==(const Rename&) const = default;
};

// Another name for the file that is at `file`, in the same root.
struct Link {
  Place place;
  std::string file;
  std::uint64_t order = 0;
  bool operator==(const Link&) const = default;
};

// What stands in a folder, sorted by the bytes of the names: all that lie behind `after` and up to `until` ("": without
// an end). What is missing there or differs is wanted, and what is there besides is asked about, in part when that is
// much, and the folder then wanted again; Listed answers.
struct Listing {
  struct Entry {
    std::string name;
    std::uint64_t digest = 0; // system::digest_of; 0: it is none of this listing's
    bool operator==(const Entry&) const = default;
  };

  Place place;
  std::uint64_t order = 0;
  std::string after;
  std::string until;
  std::vector<Entry> entries;
  bool operator==(const Listing&) const = default;
};

// Everything before it is to be answered.
struct Mark {
  std::uint64_t number = 0;
  bool durable = false; // and on the disk before the answer
  bool operator==(const Mark&) const = default;
};

// ---- from the standby

struct Want {
  Place place;
  std::uint64_t order = 0;
  bool deep = false;  // with everything below it
  bool look = false;  // it is there: what it is, and then perhaps its content
  bool extra = false; // it is there, and was in no listing
  bool operator==(const Want&) const = default;
};

// It could not be done, and is to be tried again later.
struct Refused {
  Place place;
  std::uint64_t order = 0;
  std::string why;
  bool extra = false; // the removal of one that was found when the trees were compared
  bool whole = false; // of a large file: soon, and without a look at what is here
  bool operator==(const Refused&) const = default;
};

struct Done {
  std::uint64_t number = 0;
  bool durable = false; // as it was asked for, and nothing went wrong with that
  bool operator==(const Done&) const = default;
};

// So many entries of a listing were looked at.
struct Listed {
  std::uint64_t entries = 0;
  bool operator==(const Listed&) const = default;
};

// What stands there, as system::DeltaJob sums it up, in parts.
struct Sums {
  std::uint64_t transfer = 0;
  std::string bytes;
  bool last = false;
  bool none = false; // after all: there is nothing to compare with
  bool operator==(const Sums&) const = default;
};

// So many bytes of pieces, as they came, were dealt with: as many more may come.
struct Took {
  std::uint64_t transfer = 0;
  std::uint64_t bytes = 0;
  bool operator==(const Took&) const = default;
};

// So many names fewer are in a root than an hour ago, for all that this receiver did and knew of at its start.
struct Removed {
  std::uint16_t root = 0;
  std::uint64_t count = 0;
  bool operator==(const Removed&) const = default;
};

// Nothing more is done here until a person has looked.
struct Stop {
  std::string why;
  bool guard = false; // too much would be removed
  bool operator==(const Stop&) const = default;
};

// ---- comparing content

// From the primary: whether the standby's file has that size and time, and this piece of it this content.
struct Check {
  Place place;
  std::uint64_t number = 0;
  std::uint64_t size = 0; // of the file
  std::int64_t modified_ns = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::string digest; // SHA-256
  bool operator==(const Check&) const = default;
};

// From the standby; one that cannot read its own has no such file.
struct Checked {
  std::uint64_t number = 0;
  bool equal = false;
  bool operator==(const Checked&) const = default;
};

// ---- a census, by a program of its own at both ends (census.hpp)

// From the primary: what stands in that folder is added up, on both sides at the same time.
struct Look {
  Place place;
  bool operator==(const Look&) const = default;
};

// What that came to here, in the folder of the latest Look.
struct Looked {
  bool there = false; // still
  system::Sum sum;
  bool operator==(const Looked&) const = default;
};

// What all files with several names in a root came to, in the folders that were looked at since the latest Mark.
struct Groups {
  std::uint16_t root = 0;
  system::Sum sum;
  bool operator==(const Groups&) const = default;
};

// From the standby, after a Mark: one that came to something else there.
struct Unlike {
  Place place;
  bool operator==(const Unlike&) const = default;
};

// The last answer to that Mark: how many folders, and roots in what their Groups came to. Not more than some of the
// folders are said.
struct Compared {
  std::uint64_t unlike = 0;
  std::uint64_t groups = 0;
  bool operator==(const Compared&) const = default;
};

using Message =
    std::variant<Put, Offer, Begin, Piece, End, Drop, Remove, Rename, Link, Listing, Mark, Want, Refused, Done, Listed,
                 Removed, Stop, Check, Checked, Look, Looked, Groups, Unlike, Compared, Sums, Took>;

constexpr std::size_t largest_message = std::size_t{4} << 20U;
constexpr std::size_t largest_whole = std::size_t{256} << 10U; // a file up to this size goes in one message
constexpr std::size_t piece_size = std::size_t{128} << 10U;

// With its length before it.
[[nodiscard]] std::string encode(const Message& message);
// Without it. invalid: no such message, or one that is cut short or goes on behind its end.
Result<Message> decode(std::string_view bytes);

// Takes bytes as they come and gives whole messages.
class Reader {
public:
  void take(std::string_view bytes) { buffer_ += bytes; }

  // nullopt: more bytes are needed. After an error it is of no more use.
  Result<std::optional<Message>> next();

  // Calls `visit` with each message that is whole by now, until one of these calls fails.
  template <class Visit>
  Result<void> take_each(std::string_view bytes, const Visit& visit) {
    take(bytes);
    for (;;) {
      TANDEM_TRY(const auto message, next());
      if (!message) return {};
      TANDEM_CHECK(visit(*message));
    }
  }

private:
  std::string buffer_;
  std::size_t used_ = 0;
};

} // namespace tandem::replication::stream
