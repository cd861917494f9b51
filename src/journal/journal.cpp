#include "journal/journal.hpp"

#include "base/text.hpp"
#include "journal/crc32c.hpp"

#include <fmt/format.h>

namespace tandem::journal {

namespace {

constexpr std::string_view header = "tandem journal 1\n";
constexpr std::string_view header_word = "tandem journal ";

std::uint32_t checksum(std::uint64_t number, std::string_view payload) {
  return crc32c(payload, crc32c(fmt::format("{} {} ", number, payload.size())));
}

Error damaged(std::uint64_t number, std::size_t offset, std::string_view what) {
  return Error{ErrorKind::failed, fmt::format("record {} at byte {} is damaged: {}", number, offset, what),
               "Keep a copy of the file; the records before this one can be read in it with any editor"};
}

// A tail that an interrupted append can have left: the beginning of a line, or blocks that were never filled.
bool is_torn(std::string_view rest) {
  const auto zeros = rest.find('\0');
  if (zeros != std::string_view::npos && rest.find_first_not_of('\0', zeros) == std::string_view::npos)
    return rest.substr(0, zeros).find('\n') == std::string_view::npos;
  return rest.find('\n') == std::string_view::npos;
}

struct Head {
  std::uint64_t number = 0;
  std::size_t length = 0;
  std::string checksum;
  std::size_t size = 0; // bytes before the payload
};

// The three words before the payload; nullopt when they are not (all) there.
std::optional<Head> parse_head(std::string_view line) {
  Head head;
  std::size_t from = 0;
  for (int word = 0; word < 3; ++word) {
    const auto space = line.find(' ', from);
    if (space == std::string_view::npos) return std::nullopt;
    const auto text = line.substr(from, space - from);
    const auto value = word < 2 ? to_number(text) : std::optional<std::int64_t>(0);
    if (!value || *value < 0) return std::nullopt;
    if (word == 0) head.number = static_cast<std::uint64_t>(*value);
    if (word == 1) head.length = static_cast<std::size_t>(*value);
    if (word == 2) head.checksum = text;
    from = space + 1;
  }
  head.size = from;
  return head;
}

// A piece that ends the file although all bytes that its head promises are there: its line end was altered.
bool is_whole_but_altered(std::string_view rest) {
  const auto head = parse_head(rest);
  return head && rest.size() - head->size > head->length;
}

Result<std::string_view> parse_line(std::string_view line, std::uint64_t number, std::size_t offset) {
  const auto head = parse_head(line);
  if (!head) return std::unexpected(damaged(number, offset, "its head cannot be read"));
  const auto payload = line.substr(head->size);
  if (payload.size() != head->length) return std::unexpected(damaged(number, offset, "its length differs"));
  if (head->checksum != fmt::format("{:08x}", checksum(head->number, payload)))
    return std::unexpected(damaged(number, offset, "its checksum differs"));
  if (head->number != number) {
    return std::unexpected(damaged(number, offset, fmt::format("it is numbered {}", head->number)));
  }
  return payload;
}

Result<std::size_t> read_header(std::string_view bytes) {
  if (bytes.starts_with(header)) return header.size();
  if (bytes.starts_with(header_word) && bytes.find('\n') != std::string_view::npos) {
    return fail(ErrorKind::invalid,
                fmt::format("the journal has another version: \"{}\"",
                            bytes.substr(0, std::min<std::size_t>(bytes.find('\n'), 40))),
                "It was written by a newer tandem: install that version on this server");
  }
  if (header.starts_with(bytes)) return 0; // cut while its first line was being written
  if (is_torn(bytes) && header.starts_with(bytes.substr(0, bytes.find('\0')))) return 0;
  return failed("the file does not begin as a journal of tandem does");
}

} // namespace

std::string format_record(std::uint64_t number, std::string_view payload) {
  return fmt::format("{} {} {:08x} {}\n", number, payload.size(), checksum(number, payload), payload);
}

Result<Contents> read_records(std::string_view bytes) {
  Contents contents;
  TANDEM_TRY(contents.good, read_header(bytes));
  if (contents.good == 0) {
    contents.torn = bytes.size();
    return contents;
  }
  while (contents.good < bytes.size()) {
    const auto rest = bytes.substr(contents.good);
    const auto number = contents.payloads.size() + 1;
    if (is_torn(rest)) {
      if (is_whole_but_altered(rest) && rest.find('\0') == std::string_view::npos)
        return std::unexpected(damaged(number, contents.good, "its line end is missing"));
      contents.torn = rest.size();
      return contents;
    }
    const auto line = rest.substr(0, rest.find('\n'));
    TANDEM_TRY(const std::string_view payload, parse_line(line, number, contents.good));
    contents.payloads.emplace_back(payload);
    contents.good += line.size() + 1;
  }
  return contents;
}

Result<Journal> Journal::open(system::Files& files, std::string path) {
  Journal journal(files, std::move(path));
  auto bytes = files.read(journal.path_);
  if (!bytes) {
    if (bytes.error().kind == ErrorKind::not_found) return journal;
    return std::unexpected(std::move(bytes).error().within("opening the journal " + journal.path_));
  }
  auto contents = read_records(*bytes);
  if (!contents) return std::unexpected(std::move(contents).error().within("reading the journal " + journal.path_));
  journal.payloads_ = std::move(contents->payloads);
  journal.headed_ = contents->good > 0;
  journal.cut_ = contents->torn;
  // On a disk that takes nothing, what is whole can still be read; the next append mends the file first.
  journal.mend_ = contents->torn > 0 && !journal.rewrite();
  return journal;
}

Result<void> Journal::rewrite() {
  std::string bytes(header);
  for (std::size_t i = 0; i < payloads_.size(); ++i)
    bytes += format_record(i + 1, payloads_[i]);
  if (auto written = files_->write(path_, bytes, 0600, {}); !written)
    return std::unexpected(std::move(written).error().within("mending the journal " + path_));
  headed_ = true;
  mend_ = false;
  return {};
}

Result<void> Journal::append(const std::string& payload) {
  if (payload.find_first_of(std::string_view("\n\0", 2)) != std::string::npos)
    return fail(ErrorKind::invalid, "a journal record must be one line of text");
  if (mend_) TANDEM_CHECK(rewrite());
  const auto record = format_record(payloads_.size() + 1, payload);
  if (auto appended = files_->append(path_, headed_ ? record : std::string(header) + record); !appended) {
    mend_ = true;
    return std::unexpected(std::move(appended).error().within("writing the journal " + path_));
  }
  headed_ = true;
  payloads_.push_back(payload);
  return {};
}

} // namespace tandem::journal
