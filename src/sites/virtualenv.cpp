#include "sites/virtualenv.hpp"

#include "base/text.hpp"
#include "converge/ledger.hpp"

#include <array>
#include <set>

namespace tandem::sites {

namespace {

constexpr auto python = "/usr/bin/python3";
constexpr auto way_of_building = "1"; // raise it when virtualenvs are to be built anew
constexpr std::size_t key_digits = 16;
constexpr auto install_limit = std::chrono::minutes(30);

std::string mark_of(const std::string& folder) {
  return folder + "/.tandem-env";
}

// "-r base.txt", "-rbase.txt", "--requirement=base.txt" -> "base.txt"
std::string included_by(std::string_view line) {
  constexpr std::array<std::string_view, 4> options{"--requirement", "--constraint", "-r", "-c"};
  for (const auto option : options) {
    if (!line.starts_with(option)) continue;
    auto rest = line.substr(option.size());
    if (option.starts_with("--") && !rest.empty() && rest[0] != '=' && rest[0] != ' ' && rest[0] != '\t') continue;
    if (!rest.empty() && rest[0] == '=') rest.remove_prefix(1);
    rest = trim(rest);
    return std::string(trim(rest.substr(0, rest.find(" #"))));
  }
  return {};
}

struct Requirements {
  std::string text; // of all files, each behind its name
  bool with_checkout = false;
};

Result<void> gather(system::Files& files, const Virtualenvs::Reader& read, const std::string& name,
                    std::set<std::string>& seen, Requirements& gathered) {
  const auto path = std::filesystem::path(name).lexically_normal().string();
  if (!seen.insert(path).second) return {};
  auto text = path.starts_with('/') ? files.read(path) : read(path);
  if (!text) return std::unexpected(std::move(text).error().within("the requirements"));
  gathered.text += path + "\n" + *text + "\n";
  gathered.with_checkout |= needs_checkout(*text);
  const auto folder = std::filesystem::path(path).parent_path();
  for (const auto& included : included_requirements(*text))
    TANDEM_CHECK(gather(files, read, (folder / included).string(), seen, gathered));
  return {};
}

} // namespace

std::vector<std::string> included_requirements(std::string_view text) {
  std::vector<std::string> names;
  for (const auto& line : lines_of(text))
    if (auto name = included_by(trim(line)); !name.empty() && name.find("://") == std::string::npos)
      names.push_back(std::move(name));
  return names;
}

bool needs_checkout(std::string_view text) {
  return std::ranges::any_of(lines_of(text), [](const std::string& whole) {
    const auto line = trim(whole);
    return line.starts_with("-e") || line.starts_with("--editable") || line.starts_with('.') || line.starts_with('/') ||
           line.find("file:") != std::string_view::npos;
  });
}

Result<std::string> Virtualenvs::key_for(const model::Site& site, const std::string& checkout,
                                         const std::string& commit) {
  return key_for(site, [&](const std::string& path) { return files_.read(checkout + "/" + path); }, commit);
}

Result<std::string> Virtualenvs::key_for(const model::Site& site, const Reader& read, const std::string& commit) {
  TANDEM_TRY(const auto version, run_checked(processes_, {.arguments = {python, "--version"}}));
  Requirements requirements;
  std::set<std::string> seen;
  if (!site.requirements.empty()) TANDEM_CHECK(gather(files_, read, site.requirements, seen, requirements));
  std::string text = fmt::format("{}\n{}\n", way_of_building, trim(version.output));
  for (const auto& option : site.pip_options)
    text += option + "\n";
  if (requirements.with_checkout) text += commit + "\n";
  return converge::content_hash(text + requirements.text).substr(0, key_digits);
}

Result<bool> Virtualenvs::complete(const std::string& domain, const std::string& key) {
  TANDEM_TRY(const auto mark, files_.status(mark_of(layout_.environment(domain, key))));
  return mark.has_value();
}

Result<void> Virtualenvs::remove(const std::string& domain, const std::string& key) {
  const auto folder = layout_.environment(domain, key);
  TANDEM_CHECK(files_.remove(mark_of(folder))); // first: what is left after a crash counts as not there
  return files_.remove_tree(folder);
}

Result<void> Virtualenvs::ensure(const model::Site& site, const std::string& key, const std::string& checkout,
                                 const system::LineSink& on_line) {
  TANDEM_TRY(const bool whole, complete(site.domain, key));
  if (whole) return {};
  const auto folder = layout_.environment(site.domain, key);
  TANDEM_CHECK(remove(site.domain, key));
  const auto run = [&](std::vector<std::string> arguments) -> Result<void> {
    TANDEM_CHECK(run_checked(processes_,
                             {.arguments = std::move(arguments),
                              .environment = {{"PIP_DISABLE_PIP_VERSION_CHECK", "1"}, {"PIP_NO_INPUT", "1"}},
                              .folder = checkout,
                              .user = site.owner,
                              .time_limit = install_limit},
                             on_line));
    return {};
  };
  TANDEM_CHECK(run({python, "-m", "virtualenv", "--quiet", "--no-periodic-update", folder}));
  if (!site.requirements.empty()) {
    std::vector<std::string> install{folder + "/bin/pip", "install", "--quiet"};
    install.insert(install.end(), site.pip_options.begin(), site.pip_options.end());
    install.insert(install.end(), {"--requirement", checkout + "/" + site.requirements});
    TANDEM_CHECK(run(std::move(install)));
  }
  // Its files must be on the disk before the mark that vouches for them.
  TANDEM_CHECK(run_checked(processes_, {.arguments = {"sync", "--file-system", folder}}));
  return files_.write(mark_of(folder), way_of_building + std::string("\n"), 0644, {0, 0});
}

} // namespace tandem::sites
