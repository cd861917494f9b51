// layer: agent
// Messages as a repository's host, or anybody else, may send them: a request is read the same whatever follows it, and
// a push names a branch and a commit or is none.
#include "agent/http_head.hpp"
#include "agent/pushes.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  constexpr std::size_t largest = 4096;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto request = tandem::agent::whole_request(bytes, largest);
  if (request && *request) {
    const auto more = tandem::agent::whole_request(std::string(bytes) + "more", largest);
    if (!more || !*more || (*more)->body != (*request)->body) std::abort();
    if ((*request)->body.size() > largest) std::abort();
  }
  for (const auto body : {bytes, request && *request ? std::string_view((*request)->body) : std::string_view()}) {
    const auto said = tandem::agent::read_announcement("push", body);
    if (!said || said->kind != tandem::agent::Announcement::Kind::push) continue;
    if (said->commit.find_first_not_of("0123456789abcdef") != std::string::npos || said->commit.size() < 40)
      std::abort();
  }
  return 0;
}
