#include "sites/modules.hpp"

#include "base/text.hpp"

namespace tandem::sites {

namespace {

constexpr std::string_view commit_entry = "160000 commit ";

// "git@host:group/name.git", "https://host/group/name.git", "/srv/git/name.git" -> what stands before the last name.
// Empty when nothing may be taken away any more.
std::string beside(const std::string& address) {
  const auto scheme = address.find("://");
  const auto host_end = scheme == std::string::npos ? 0 : address.find('/', scheme + 3);
  if (host_end == std::string::npos) return {};
  const auto slash = address.find_last_of('/');
  if (slash != std::string::npos && slash > host_end) return address.substr(0, slash + 1);
  if (slash != std::string::npos && slash == host_end && address.size() > slash + 1)
    return address.substr(0, slash + 1);
  const auto colon = scheme == std::string::npos ? address.find_last_of(':') : std::string::npos;
  return colon == std::string::npos ? "" : address.substr(0, colon + 1);
}

} // namespace

std::optional<Submodule> submodule_in(std::string_view line) {
  if (!line.starts_with(commit_entry)) return {};
  const auto tab = line.find('\t');
  if (tab == std::string_view::npos) return {};
  return Submodule{std::string(line.substr(tab + 1)),
                   std::string(line.substr(commit_entry.size(), tab - commit_entry.size()))};
}

std::map<std::string, std::string> submodule_addresses(std::string_view listing) {
  std::map<std::string, std::string> paths; // by name
  std::map<std::string, std::string> addresses;
  for (const auto& entry : split(listing, '\0')) {
    const auto line_end = entry.find('\n');
    const auto dot = entry.substr(0, line_end).rfind('.');
    if (!entry.starts_with("submodule.") || line_end == std::string::npos || dot < std::string("submodule.").size())
      continue;
    const auto key = entry.substr(dot + 1, line_end - dot - 1);
    if (key == "path") paths[entry.substr(0, dot)] = entry.substr(line_end + 1);
    if (key == "url") addresses[entry.substr(0, dot)] = entry.substr(line_end + 1);
  }
  std::map<std::string, std::string> by_path;
  for (const auto& [name, path] : paths)
    if (const auto address = addresses.find(name); address != addresses.end()) by_path[path] = address->second;
  return by_path;
}

bool is_local_repository(std::string_view address) {
  return address.starts_with('/') || address.starts_with("file:");
}

bool stays_inside(std::string_view path) {
  if (path.empty() || path.starts_with('/') || path.starts_with('"')) return false;
  return std::ranges::none_of(split(path, '/'),
                              [](const std::string& part) { return part.empty() || part == "." || part == ".."; });
}

namespace {

// "/srv/git/shop.git" of "file:///srv/git/shop.git/".
std::string_view local_path(std::string_view address) {
  if (const auto scheme = address.find("://"); scheme != std::string_view::npos) address.remove_prefix(scheme + 3);
  while (address.ends_with('/'))
    address.remove_suffix(1);
  return address;
}

// Whoever may push to one repository of this machine must not read all others of it: root fetches.
Result<std::string> within_reach(const std::string& of, std::string named) {
  const auto hint = "Write its whole address into .gitmodules";
  if (!is_local_repository(named)) {
    const auto colon = named.find(':');
    if (colon == std::string::npos || named.find('/') < colon)
      return fail(ErrorKind::refused, "\"" + named + "\" names neither a way to a repository nor a host", hint);
    return named;
  }
  if (!is_local_repository(of))
    return fail(ErrorKind::refused, of + " names a repository of this machine as a submodule: " + named, hint);
  const auto own = local_path(of);
  const std::string folder(own.substr(0, own.rfind('/') + 1));
  const auto path = local_path(named);
  // git decodes %2e in an address of file:// to a dot.
  if (!path.starts_with(folder) || !stays_inside(path.substr(folder.size())) ||
      path.substr(folder.size()).contains('%'))
    return fail(ErrorKind::refused,
                of + " names a repository of this machine as a submodule that does not lie beside it: " + named,
                "A submodule of a local repository lies in " + folder + ", or on another machine.");
  return named;
}

} // namespace

Result<std::string> submodule_address(const std::string& of, const std::string& named) {
  if (named.empty() || named.starts_with('-'))
    return fail(ErrorKind::invalid, "\"" + named + "\" is no address of a repository");
  const auto hint = "Write its whole address into .gitmodules";
  if (named.starts_with("./") || named.starts_with("../")) {
    std::string base = of;
    while (base.ends_with('/'))
      base.pop_back();
    std::string_view rest = named;
    for (bool first = true; rest.starts_with("./") || rest.starts_with("../"); first = false) {
      const bool up = rest.starts_with("../");
      rest.remove_prefix(up ? 3 : 2);
      if (!up) continue;
      if (!first)
        while (base.ends_with('/'))
          base.pop_back();
      base = beside(base);
      if (base.empty()) return fail(ErrorKind::invalid, named + " leads out of " + of, hint);
    }
    if (!base.ends_with('/') && !base.ends_with(':')) base += '/';
    return within_reach(of, base + std::string(rest));
  }
  return within_reach(of, named);
}

} // namespace tandem::sites
