#include "agent/kept_files.hpp"

#include <algorithm>

namespace tandem::agent {

namespace {

// A WAL segment's or a timeline's name: "000000010000000000000003", "00000002.history".
bool is_wal(const std::string& name) {
  const auto digits = static_cast<std::size_t>(
      std::ranges::find_if_not(name, [](unsigned char c) { return std::isxdigit(c) != 0; }) - name.begin());
  return (digits == 24 && (digits == name.size() || name.substr(digits) == ".partial")) ||
         (digits == 8 && name.substr(digits) == ".history");
}

class Walk {
public:
  Walk(system::Files& files, std::size_t most) : files_(files), most_(most) {}

  Result<void> into(const std::string& folder, const std::string& within) {
    TANDEM_TRY(const auto names, files_.list(folder));
    for (const auto& name : names) {
      const auto path = folder + "/" + name;
      TANDEM_TRY(const auto status, files_.status(path));
      if (!status) continue; // it was removed just now
      if (status->type == system::FileType::folder)
        TANDEM_CHECK(into(path, within + name + "/"));
      else
        count(within + name, *status);
    }
    return {};
  }

  void count(const std::string& name, const system::FileStatus& status) {
    ++place.files;
    place.bytes += status.size;
    all_wal = all_wal && is_wal(name.substr(name.rfind('/') + 1));
    if (place.first.size() == most_) return;
    const auto modified = std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(status.modified_ns));
    place.first.push_back({name, status.size, std::chrono::floor<std::chrono::seconds>(modified)});
  }

  KeptPlace place = {};
  bool all_wal = true;

private:
  system::Files& files_;
  std::size_t most_;
};

} // namespace

Result<KeptPlace> look_into(system::Files& files, const std::string& path, std::size_t most) {
  TANDEM_TRY(const auto there, files.status(path));
  if (!there) return KeptPlace{.path = path, .first = {}, .kind = KeptPlace::Kind::gone};
  Walk walk(files, most);
  walk.place.path = path;
  if (there->type != system::FileType::folder) {
    walk.count(path.substr(path.rfind('/') + 1), *there);
    return std::move(walk.place);
  }
  TANDEM_CHECK(walk.into(path, ""));
  TANDEM_TRY(const auto version, files.status(path + "/PG_VERSION"));
  if (version) {
    walk.place.kind = KeptPlace::Kind::database;
    walk.place.first.clear();
  } else if (walk.all_wal && walk.place.files > 0) {
    walk.place.kind = KeptPlace::Kind::wal;
  }
  return std::move(walk.place);
}

} // namespace tandem::agent
