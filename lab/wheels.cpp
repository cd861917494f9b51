#include "lab/wheels.hpp"

#include "base/text.hpp"

#include <unistd.h>

#include <fstream>
#include <regex>
#include <sstream>

namespace tandem::lab {

namespace fs = std::filesystem;

namespace {

using system::Command;
using system::Outcome;
using system::Processes;

// Raise it when the way of packing changes: wheels made by an older recipe are made anew.
constexpr auto recipe_version = "2";

// Debian package -> the name of its distribution. libjs-jquery is no wheel: Django's admin links into it.
struct Recipe {
  std::vector<std::string> packages;
  std::string helper = "libjs-jquery";
};

Result<Recipe> recipe_for(const std::string& release) {
  Recipe recipe{{"python3-django", "python3-asgiref", "python3-sqlparse", "python3-psycopg2", // the shop's pages
                 "python3-celery", "python3-kombu", "python3-amqp", "python3-billiard", "python3-vine", // its workers
                 "python3-click", "python3-click-didyoumean", "python3-click-plugins", "python3-click-repl",
                 "python3-prompt-toolkit", "python3-wcwidth", "python3-dateutil", "python3-six", "python3-redis",
                 "python3-packaging"}};
  std::vector<std::string> more;
  if (release == "bookworm")
    more = {"python3-tz", "python3-async-timeout", "python3-deprecated", "python3-wrapt"}; // Django 3.2 needs pytz
  else if (release != "trixie")
    return fail(ErrorKind::invalid, "no wheels are known for the release " + release);
  recipe.packages.insert(recipe.packages.end(), more.begin(), more.end());
  return recipe;
}

std::string fingerprint(const std::string& release, const Recipe& recipe) {
  return fmt::format("{}\n{}\n{}\n{}\n", recipe_version, release, join(recipe.packages, " "), recipe.helper);
}

std::string read_text(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Result<void> write_text(const fs::path& path, const std::string& text) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  if (!stream) return failed("writing " + path.string() + " failed");
  return {};
}

Result<void> make_folders(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return failed("making " + path.string() + ": " + error.message());
  return {};
}

// A folder that is gone again at the end, whatever happened.
struct Scratch {
  fs::path path;

  explicit Scratch(fs::path at) : path(std::move(at)) { clear(); }

  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  ~Scratch() { clear(); }

  void clear() const {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

// --- fetching ---

Result<std::vector<std::string>> own_sources(Processes& processes) {
  TANDEM_TRY(const Outcome targets,
             run_checked(processes, {.arguments = {"apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)",
                                                   "Created-By: Packages", "Component: main"}}));
  return lines_of(targets.output);
}

std::string own_release() {
  for (const auto& line : lines_of(read_text("/etc/os-release")))
    if (line.starts_with("VERSION_CODENAME=")) return line.substr(line.find('=') + 1);
  return {};
}

// An apt that knows the wanted release alone and nothing of what is installed here.
Result<void> write_apt_configuration(Processes& processes, const std::string& release, const fs::path& folder) {
  TANDEM_TRY(const auto lines, own_sources(processes));
  const auto sources = sources_for(release, own_release(), lines);
  if (sources.empty())
    return failed("apt on this machine has no Debian sources to fetch " + release + " from",
                  "Look at /etc/apt/sources.list and /etc/apt/sources.list.d.");
  std::string list;
  for (const auto& source : sources)
    list += "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " + source + " main\n";
  TANDEM_CHECK(make_folders(folder / "lists" / "partial"));
  TANDEM_CHECK(make_folders(folder / "cache" / "archives" / "partial"));
  TANDEM_CHECK(write_text(folder / "sources.list", list));
  TANDEM_CHECK(write_text(folder / "status", ""));
  const std::string at = folder.string();
  return write_text(folder / "apt.conf", fmt::format("Dir::Etc::sourcelist \"{0}/sources.list\";\n"
                                                     "Dir::Etc::sourceparts \"-\";\n"
                                                     "Dir::Etc::preferencesparts \"-\";\n"
                                                     "Dir::State::lists \"{0}/lists\";\n"
                                                     "Dir::State::status \"{0}/status\";\n"
                                                     "Dir::Cache \"{0}/cache\";\n"
                                                     "APT::Sandbox::User \"root\";\n"
                                                     "Acquire::Languages \"none\";\n",
                                                     at));
}

Result<void> download(Processes& processes, const std::string& release, const Recipe& recipe, const fs::path& folder) {
  TANDEM_CHECK(write_apt_configuration(processes, release, folder));
  const std::map<std::string, std::string> environment{{"APT_CONFIG", (folder / "apt.conf").string()}};
  TANDEM_CHECK(run_checked(processes, {.arguments = {"apt-get", "-q", "update"}, .environment = environment}));
  std::vector<std::string> arguments{"apt-get", "-q", "download", recipe.helper};
  arguments.insert(arguments.end(), recipe.packages.begin(), recipe.packages.end());
  TANDEM_CHECK(run_checked(processes, {.arguments = arguments, .environment = environment, .folder = folder.string()}));
  return {};
}

// --- repacking ---

struct Unpacked {
  std::string package;
  fs::path root;                    // of the package's files
  fs::path info;                    // its egg-info or dist-info
  std::string name, version;        // of the distribution
  std::vector<std::string> depends; // Debian packages
};

std::optional<std::string> header(const std::string& text, std::string_view name) {
  for (const auto& line : lines_of(text)) {
    if (line.empty()) break;
    if (line.starts_with(std::string(name) + ":"))
      return std::string(trim(std::string_view(line).substr(name.size() + 1)));
  }
  return {};
}

// A lower-case name as wheels' file names have it.
std::string wheel_name(std::string name) {
  for (auto& letter : name)
    letter = letter == '-' || letter == '.' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return name;
}

// The packages of a Depends field; those with alternatives are left out, since Python itself may be one of them.
std::vector<std::string> dependencies(const std::string& field) {
  std::vector<std::string> names;
  for (const auto& entry : split(field, ',')) {
    if (entry.find('|') != std::string::npos) continue;
    const auto name = trim(entry);
    names.emplace_back(name.substr(0, name.find_first_of(" :(")));
  }
  return names;
}

Result<fs::path> find_archive(const fs::path& folder, const std::string& package) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(package + "_") && name.ends_with(".deb")) return entry.path();
  }
  return failed("apt fetched no " + package + " into " + folder.string());
}

// Finds the package's metadata; a plain file (an old egg-info) or a folder.
Result<void> read_info(Unpacked& unpacked) {
  const auto modules = unpacked.root / "usr/lib/python3/dist-packages";
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(modules, error)) {
    const auto extension = entry.path().extension();
    if (extension != ".egg-info" && extension != ".dist-info") continue;
    unpacked.info = entry.path();
    const auto file = extension == ".dist-info"   ? entry.path() / "METADATA"
                      : entry.is_directory(error) ? entry.path() / "PKG-INFO"
                                                  : entry.path();
    const auto text = read_text(file);
    unpacked.name = header(text, "Name").value_or("");
    unpacked.version = header(text, "Version").value_or("");
  }
  if (unpacked.name.empty() || unpacked.version.empty())
    return failed(unpacked.package + " holds no Python metadata with a name and a version");
  return {};
}

Result<Unpacked> unpack(Processes& processes, const std::string& package, const fs::path& archives,
                        const fs::path& into) {
  TANDEM_TRY(const auto archive, find_archive(archives, package));
  TANDEM_CHECK(run_checked(processes, {.arguments = {"dpkg-deb", "-x", archive.string(), into.string()}}));
  TANDEM_TRY(const Outcome field,
             run_checked(processes, {.arguments = {"dpkg-deb", "-f", archive.string(), "Depends"}}));
  Unpacked unpacked{package, into, {}, {}, {}, dependencies(field.output)};
  TANDEM_CHECK(read_info(unpacked));
  return unpacked;
}

// "py3-none-any", or the tag of the one Python for which the package's shared objects were built.
std::string tag_of(const fs::path& modules) {
  static const std::regex shared(R"(.*\.cpython-(\d+)-(\w+)-linux-gnu\.so)");
  for (const auto& entry : fs::recursive_directory_iterator(modules)) {
    std::smatch match;
    const auto name = entry.path().filename().string();
    if (std::regex_match(name, match, shared))
      return fmt::format("cp{0}-cp{0}-linux_{1}", match[1].str(), match[2].str());
  }
  return "py3-none-any";
}

// Puts plain files in place of links (into the helper package) and drops compiled leftovers and dead links.
Result<void> settle(const fs::path& modules, const fs::path& helper_root) {
  std::vector<fs::path> links;
  for (const auto& entry : fs::recursive_directory_iterator(modules))
    if (entry.is_symlink()) links.push_back(entry.path());
  for (const auto& link : links) {
    const auto target = fs::read_symlink(link).string();
    const auto share = target.find("share/");
    const auto real = share == std::string::npos ? fs::path() : helper_root / "usr" / target.substr(share);
    std::error_code error;
    fs::remove(link, error);
    if (!real.empty() && fs::is_regular_file(real, error)) fs::copy_file(real, link, error);
    if (error) return failed("copying " + real.string() + " to " + link.string() + ": " + error.message());
  }
  return {};
}

// RECORD wants the hash as URL-safe base64 without padding.
std::string base64(const std::string& hex) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned bits = 0;
  int count = 0;
  for (const char digit : hex) {
    bits = (bits << 4U) | static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    for (count += 4; count >= 6; count -= 6)
      text += letters[(bits >> static_cast<unsigned>(count - 6)) & 63U];
  }
  if (count > 0) text += letters[(bits << static_cast<unsigned>(6 - count)) & 63U];
  return text;
}

Result<void> write_record(Processes& processes, const fs::path& wheel, const std::string& info) {
  std::vector<std::string> arguments{"sha256sum", "--"};
  for (const auto& entry : fs::recursive_directory_iterator(wheel))
    if (entry.is_regular_file()) arguments.push_back(entry.path().lexically_relative(wheel).string());
  std::sort(arguments.begin() + 2, arguments.end());
  std::string record;
  const auto add = [&](std::string_view line) {
    const std::string file(line.substr(66)); // 64 digits and two blanks
    record +=
        fmt::format("{},sha256={},{}\n", file, base64(std::string(line.substr(0, 64))), fs::file_size(wheel / file));
  };
  TANDEM_CHECK(run_checked(processes, {.arguments = arguments, .folder = wheel.string()}, add));
  return write_text(wheel / info / "RECORD", record + info + "/RECORD,,\n");
}

// Turns the unpacked package into a wheel's tree below `wheel`, all but RECORD. Returns the name of its dist-info.
Result<std::string> lay_out(const Unpacked& unpacked, const std::vector<std::string>& requirements,
                            const std::string& tag, const fs::path& wheel) {
  const std::string info = wheel_name(unpacked.name) + "-" + unpacked.version + ".dist-info";
  std::error_code error;
  std::string package_info;
  std::string entry_points;
  if (fs::is_directory(unpacked.info)) {
    const bool modern = unpacked.info.extension() == ".dist-info";
    package_info = read_text(unpacked.info / (modern ? "METADATA" : "PKG-INFO"));
    entry_points = read_text(unpacked.info / "entry_points.txt");
  } else {
    package_info = read_text(unpacked.info);
  }
  fs::remove_all(unpacked.info, error);
  fs::rename(unpacked.root / "usr/lib/python3/dist-packages", wheel, error);
  if (error) return failed("laying out " + unpacked.name + ": " + error.message());
  TANDEM_CHECK(make_folders(wheel / info));
  TANDEM_CHECK(write_text(wheel / info / "METADATA", wheel_metadata(package_info, requirements)));
  if (!entry_points.empty()) TANDEM_CHECK(write_text(wheel / info / "entry_points.txt", entry_points));
  TANDEM_CHECK(write_text(wheel / info / "WHEEL",
                          fmt::format("Wheel-Version: 1.0\nGenerator: tandem-lab\nRoot-Is-Purelib: {}\nTag: {}\n",
                                      tag.starts_with("py3") ? "true" : "false", tag)));
  return info;
}

Result<void> pack(Processes& processes, const Unpacked& unpacked, const std::vector<std::string>& requirements,
                  const fs::path& helper_root, const fs::path& out) {
  const auto modules = unpacked.root / "usr/lib/python3/dist-packages";
  TANDEM_CHECK(settle(modules, helper_root));
  const auto tag = tag_of(modules);
  const auto wheel = unpacked.root / "wheel";
  TANDEM_TRY(const auto info, lay_out(unpacked, requirements, tag, wheel));
  TANDEM_CHECK(write_record(processes, wheel, info));
  const auto file = out / fmt::format("{}-{}-{}.whl", wheel_name(unpacked.name), unpacked.version, tag);
  std::vector<std::string> arguments{"python3", "-m", "zipfile", "-c", file.string()};
  for (const auto& entry : fs::directory_iterator(wheel))
    arguments.push_back(entry.path().filename().string());
  std::sort(arguments.begin() + 5, arguments.end());
  TANDEM_CHECK(run_checked(processes, {.arguments = arguments, .folder = wheel.string()}));
  return {};
}

// The distributions among the others that this package's Debian dependencies name.
std::vector<std::string> requirements_of(const Unpacked& unpacked, const std::vector<Unpacked>& all) {
  std::vector<std::string> names;
  for (const auto& other : all)
    if (std::ranges::find(unpacked.depends, other.package) != unpacked.depends.end()) names.push_back(other.name);
  return names;
}

Result<void> build(Processes& processes, const Recipe& recipe, const fs::path& archives, const fs::path& work,
                   const fs::path& out) {
  const auto helper_root = work / recipe.helper;
  TANDEM_TRY(const auto helper, find_archive(archives, recipe.helper));
  TANDEM_CHECK(run_checked(processes, {.arguments = {"dpkg-deb", "-x", helper.string(), helper_root.string()}}));
  std::vector<Unpacked> all;
  for (const auto& package : recipe.packages) {
    TANDEM_TRY(auto unpacked, unpack(processes, package, archives, work / package));
    all.push_back(std::move(unpacked));
  }
  for (const auto& unpacked : all)
    TANDEM_CHECK(pack(processes, unpacked, requirements_of(unpacked, all), helper_root, out));
  return {};
}

// Of the header alone: a text may follow.
std::string without_requirement(const std::string& info, const std::string& name) {
  static constexpr std::string_view begin = "\nRequires-Dist: ";
  const auto at = info.find(std::string(begin) + name);
  if (at == std::string::npos || at > info.find("\n\n")) return info;
  const auto end = info.find('\n', at + 1);
  return info.substr(0, at) + (end == std::string::npos ? std::string("\n") : info.substr(end));
}

} // namespace

std::vector<std::string> sources_for(const std::string& release, const std::string& own,
                                     const std::vector<std::string>& lines) {
  std::vector<std::string> sources;
  for (const auto& line : lines) {
    const auto fields = split(trim(line), ' ');
    if (fields.size() != 2) continue;
    const auto& suite = fields[1];
    if (suite != own && !suite.starts_with(own + "-")) continue;
    const auto source = fields[0] + " " + release + suite.substr(own.size());
    if (std::ranges::find(sources, source) == sources.end()) sources.push_back(source);
  }
  return sources;
}

std::string wheel_metadata(const std::string& whole_info, const std::vector<std::string>& requirements) {
  const auto package_info = without_requirement(whole_info, "tzdata"); // Python takes the system's own
  std::string added;
  for (const auto& name : requirements)
    if (package_info.find("\nRequires-Dist: " + name) == std::string::npos) added += "Requires-Dist: " + name + "\n";
  const auto version = package_info.find("\nVersion:");
  if (version == std::string::npos) return package_info;
  const auto end = package_info.find('\n', version + 1);
  if (end == std::string::npos) return package_info + "\n" + added;
  return package_info.substr(0, end + 1) + added + package_info.substr(end + 1);
}

Result<std::string> prepare_wheels(system::Processes& processes, const std::string& release,
                                   const std::string& archive_folder, const std::string& out_folder,
                                   const WheelProgress& progress) {
  const auto say = [&](const std::string& what) {
    if (progress) progress(what);
  };
  TANDEM_TRY(const Recipe recipe, recipe_for(release));
  const fs::path target = fs::path(out_folder) / release;
  const auto mark = fingerprint(release, recipe);
  if (read_text(target / ".recipe") == mark) return target.string();

  const auto own_name = fmt::format(".{}.{}", release, ::getpid());
  const Scratch archives(fs::path(archive_folder) / own_name);
  const Scratch work(fs::path(out_folder) / (own_name + ".work"));
  const Scratch out(fs::path(out_folder) / own_name);
  for (const auto* scratch : {&archives, &work, &out})
    TANDEM_CHECK(make_folders(scratch->path));
  say("fetching Python packages of " + release);
  TANDEM_CHECK(download(processes, release, recipe, archives.path));
  say("packing wheels for " + release);
  TANDEM_CHECK(build(processes, recipe, archives.path, work.path, out.path));
  TANDEM_CHECK(write_text(out.path / ".recipe", mark));

  std::error_code error;
  if (fs::exists(target)) fs::rename(target, work.path / "old", error);
  fs::rename(out.path, target, error);
  // Somebody else who made the same at the same time is as good.
  if (error && read_text(target / ".recipe") != mark)
    return failed("putting the wheels at " + target.string() + ": " + error.message());
  return target.string();
}

} // namespace tandem::lab
