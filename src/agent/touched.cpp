#include "agent/touched.hpp"

namespace tandem::agent {

void Touched::add(std::string path) {
  constexpr std::size_t most = 1000; // for more it is quicker to settle everything
  if (path.contains("\\#") || paths_.size() > most) {
    whole_ = true;
    return;
  }
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  const auto parent = path.rfind('/');
  if (parent != std::string::npos && parent > 0) paths_.insert(path.substr(0, parent));
  paths_.insert(std::move(path));
}

} // namespace tandem::agent
