// The account of every write: what was started, acknowledged or failed, as JSON lines. Each line reaches the kernel
// before the tool goes on, so a killed tool leaves a true account up to that moment.
#pragma once
#include "base/result.hpp"
#include "bench/load/http.hpp"
#include "bench/load/mix.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace tandem::load {

struct Written {
  Kind kind = Kind::order;
  Protocol protocol = Protocol::http1;
  std::string reference;
  std::string sha256; // of a photo's content; empty for an order
  std::size_t size = 0;
};

class LedgerWriter {
public:
  // Replaces a file that is there. The run's id begins every reference of the run.
  static Result<LedgerWriter> create(const std::filesystem::path& path, std::string_view run, std::string_view domain,
                                     std::string_view time);

  LedgerWriter(LedgerWriter&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

  ~LedgerWriter();

  // Times are texts in UTC such as 2026-05-04T12:00:00.123Z. A ledger that cannot be written ends the run: the
  // error is remembered and given by error().
  void started(const Written& written, std::string_view time);
  void acknowledged(std::string_view reference, std::string_view time, double milliseconds);
  void failed(std::string_view reference, std::string_view time, const Failure& failure);

  [[nodiscard]] const std::string& error() const { return error_; }

private:
  explicit LedgerWriter(int descriptor) : descriptor_(descriptor) {}

  void line(std::string text);

  int descriptor_;
  std::string error_;
};

enum class Fate { unknown, acknowledged, failed };

struct Entry {
  bool photo = false;
  std::string sha256;
  Fate fate = Fate::unknown;
  std::string time;   // when its fate was known, else when it was started
  std::string reason; // of a failed one
};

struct Ledger {
  std::string run;
  std::map<std::string, Entry> entries; // by reference
};

// A last line that was cut off is left out; any other bad line is an error that names it.
[[nodiscard]] Result<Ledger> parse_ledger(std::string_view text);

} // namespace tandem::load
