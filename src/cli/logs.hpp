// `tandem logs`: the journal and nginx's files as one shell line, which takes the command's place. Pure.
#pragma once
#include "model/pair.hpp"

#include <string>

namespace tandem::cli {

struct LogOptions {
  bool follow = false;
  bool requests = false;
  int lines = 50;
};

[[nodiscard]] std::string logs_line(const model::Site& site, const LogOptions& options);

} // namespace tandem::cli
