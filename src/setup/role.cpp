#include "setup/subjects.hpp"

namespace tandem::setup {

void add_role(Resources& out, const View& view) {
  const std::string marker = "/primary_server";
  // The role itself is the durable state that the view was made from; here only its visible mark is compared.
  if (view.is_primary())
    out.push_back(
        {.kind = converge::File{.path = marker, .content = view.self + "\n"}, .why = "this server is the primary"});
  else
    out.push_back({.kind = converge::Absent{marker}, .why = "this server is a standby"});
}

} // namespace tandem::setup
