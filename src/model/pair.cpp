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

std::vector<std::string> Pair::inboxes(const Site& site) const {
  std::vector<std::string> folders;
  const auto* uploader = site.import ? user(site.import->user) : nullptr;
  if (uploader == nullptr) return folders;
  for (const auto& folder : uploader->folders)
    folders.push_back("/home/" + uploader->name + "/" + folder);
  return folders;
}

} // namespace tandem::model
