#include "bench/load/http.hpp"

namespace tandem::load {

std::string_view name_of(Protocol protocol) {
  return protocol == Protocol::http1 ? "http/1.1" : "http/2";
}

std::string_view header(const Answer& answer, std::string_view lower_case_name) {
  for (const Header& entry : answer.headers) {
    if (entry.name == lower_case_name) return entry.value;
  }
  return {};
}

} // namespace tandem::load
