// What a runbook's journal holds, one record before and after everything it does. Each server keeps a journal of
// its own a run; the coordinator's records are copied to the others, which add them in order.
#pragma once
#include "journal/journal.hpp"
#include "role/runbook.hpp"

#include <optional>

namespace tandem::role {

enum class RecordKind {
  opened,
  before,      // a step is about to be performed
  after,       // it ended: see ending
  turned_back, // from now on steps are undone; `message` says why
  before_undo,
  after_undo,
  closed, // see ending
};

enum class Ending {
  none,
  done,
  failed,
  left,      // its server does not answer; what it should have done follows from its boot
  undone,    // closed: nothing has changed
  overtaken, // closed: the primary changed by another way
};

struct Record {
  std::string author;       // the server that wrote it
  std::uint64_t number = 0; // counts that author's records of this run from 1
  RecordKind kind = RecordKind::opened;
  std::string step;
  Ending ending = Ending::none;
  std::string message;
  std::string time;               // as a person reads it
  std::optional<Opening> opening; // of `opened`
  bool operator==(const Record&) const = default;
};

inline constexpr int record_version = 1;

[[nodiscard]] std::string encode(const Record& record); // one line of JSON
[[nodiscard]] Result<Record> decode_record(const std::string& text);
[[nodiscard]] std::string_view name_of(RecordKind kind);
[[nodiscard]] std::string_view name_of(Ending ending);
[[nodiscard]] std::optional<Ending> ending_from(const std::string& name);

// One run's journal on one server. One thread at a time.
class Log {
public:
  // Reads what the journal holds; kind `invalid` names a record that makes no sense.
  [[nodiscard]] static Result<Log> open(journal::Journal journal, std::string self);

  [[nodiscard]] const std::vector<Record>& records() const { return records_; }

  [[nodiscard]] const std::string& self() const { return self_; }

  // How many records of that author are here, without gaps.
  [[nodiscard]] std::uint64_t count(const std::string& author) const;
  // Those of that author above `after`, in order: what a peer that holds `after` of them lacks.
  [[nodiscard]] std::vector<Record> above(const std::string& author, std::uint64_t after) const;

  // Adds one of this server's own; author and number are filled in. Durable when it returns; after an error the
  // record is not there.
  [[nodiscard]] Result<Record> write(Record record);
  // The same where going on matters more than the record: when the journal cannot be written it is kept in memory
  // and written together with the next one. A crash before that costs a repetition of idempotent work.
  Record keep(Record record);
  // Adds a copy of another's, durably. One that is here already is a success; a gap is `unavailable`.
  [[nodiscard]] Result<void> accept(const Record& record);

private:
  Log(journal::Journal journal, std::string self) : journal_(std::move(journal)), self_(std::move(self)) {
    constexpr std::size_t usual = 64; // a run has about two a step
    records_.reserve(usual);
  }

  [[nodiscard]] Record own(Record record) const;
  [[nodiscard]] Result<void> flush();

  journal::Journal journal_;
  std::string self_;
  std::vector<Record> records_;
  std::size_t written_ = 0; // how many of them are in the journal
};

} // namespace tandem::role
