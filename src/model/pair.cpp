#include "model/pair.hpp"

namespace tandem::model {

namespace {

template <class T, class Key>
const T* find_by(const std::vector<T>& values, Key T::* key, std::string_view wanted) {
  for (const auto& value : values)
    if (value.*key == wanted) return &value;
  return nullptr;
}

} // namespace

const Server* Pair::server(std::string_view name) const {
  return find_by(servers, &Server::name, name);
}

const Site* Pair::site(std::string_view domain) const {
  return find_by(sites, &Site::domain, domain);
}

const User* Pair::user(std::string_view name) const {
  return find_by(users, &User::name, name);
}

} // namespace tandem::model
