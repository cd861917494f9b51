// An append-only file of checksummed, numbered records. A record is there when append() has returned: it is
// fsynced by then. A power cut during append() may leave a piece of the last record; open() cuts that piece off.
// Anything else that is wrong in the file is damage, and open() says where instead of skipping it.
//
// Format, text so that a person can read it: a first line "tandem journal 1", then one line a record:
//   NUMBER LENGTH CHECKSUM PAYLOAD
// NUMBER counts from 1 without gaps, LENGTH is the payload's in bytes, CHECKSUM is CRC-32C in hexadecimal over
// "NUMBER LENGTH PAYLOAD". A payload has no line end, so that a piece of a record never holds one: this is what
// tells a torn tail from damage.
#pragma once
#include "base/result.hpp"
#include "system/files.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::journal {

// What the bytes of a journal hold. Pure.
struct Contents {
  std::vector<std::string> payloads; // record NUMBER is payloads[NUMBER - 1]
  std::size_t good = 0;              // bytes up to the end of the last whole record
  std::size_t torn = 0;              // bytes of a piece after that, left by an interrupted append
};

// An error of kind `failed` names the record and the byte that are damaged; kind `invalid`: a newer format.
[[nodiscard]] Result<Contents> read_records(std::string_view bytes);
[[nodiscard]] std::string format_record(std::uint64_t number, std::string_view payload);

// One thread at a time; one Journal a file.
class Journal {
public:
  // Opens or (at the first append) makes the file; its folder must exist. Cuts a torn tail off, durably; where the disk
  // does not take that, the next append does it first.
  [[nodiscard]] static Result<Journal> open(system::Files& files, std::string path);

  [[nodiscard]] const std::vector<std::string>& payloads() const { return payloads_; }

  // Bytes that open() cut off; zero after a clean end.
  [[nodiscard]] std::size_t cut() const { return cut_; }

  // Durable when it returns. After an error the record is not in the journal, and the next append first
  // mends whatever the failed one left in the file. A payload with a line end is refused as invalid.
  [[nodiscard]] Result<void> append(const std::string& payload);

private:
  Journal(system::Files& files, std::string path) : files_(&files), path_(std::move(path)) {}

  [[nodiscard]] Result<void> rewrite();

  system::Files* files_;
  std::string path_;
  std::vector<std::string> payloads_;
  std::size_t cut_ = 0;
  bool headed_ = false; // the first line is in the file
  bool mend_ = false;   // the file may end in a piece of a record
};

} // namespace tandem::journal
