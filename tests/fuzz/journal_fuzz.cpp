// layer: journal
// Any bytes as a journal and as a state file: no crash, and what is accepted reads the same again.
#include "journal/journal.hpp"
#include "journal/state_file.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace tandem::journal;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (const auto contents = read_records(bytes)) {
    if (contents->good + contents->torn != size) std::abort();
    const auto again = read_records(std::string_view(bytes).substr(0, contents->good));
    if (!again || again->payloads != contents->payloads || again->torn != 0) std::abort();
    if (contents->good > 0) {
      const auto record = format_record(contents->payloads.size() + 1, "next");
      const auto longer = read_records(bytes.substr(0, contents->good) + record);
      if (!longer || longer->payloads.size() != contents->payloads.size() + 1) std::abort();
    }
  }
  if (const auto value = unwrap("role", 3, bytes)) {
    const auto again = unwrap("role", 3, wrap("role", value->version, value->content));
    if (!again || again->content != value->content) std::abort();
  }
  return 0;
}
