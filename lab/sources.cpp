#include "lab/sources.hpp"

#include "base/text.hpp"
#include "system/files.hpp"

#include <algorithm>
#include <map>
#include <sstream>

namespace tandem::lab {

namespace {

struct Source {
  std::vector<std::string> types, uris, suites, components;
};

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;)
    words.push_back(word);
  return words;
}

// deb [options] URI SUITE COMPONENT…
void add_one_line(std::vector<Source>& sources, std::string line) {
  if (const auto open = line.find('['); open != std::string::npos)
    if (const auto close = line.find(']', open); close != std::string::npos) line.erase(open, close - open + 1);
  const auto words = words_of(line);
  if (words.size() < 4 || words[0] != "deb") return;
  sources.push_back({{"deb"}, {words[1]}, {words[2]}, {words.begin() + 3, words.end()}});
}

void add_stanza(std::vector<Source>& sources, std::map<std::string, std::string>& fields) {
  if (!fields.empty() && fields["Enabled"] != "no")
    sources.push_back({words_of(fields["Types"]), words_of(fields["URIs"]), words_of(fields["Suites"]),
                       words_of(fields["Components"])});
  fields.clear();
}

std::vector<Source> parse(const std::string& text) {
  std::vector<Source> sources;
  std::map<std::string, std::string> fields;
  std::string field;
  for (const auto& line : lines_of(text)) {
    if (line.starts_with("#")) continue;
    if (trim(line).empty()) {
      add_stanza(sources, fields);
    } else if (line.starts_with("deb ") || line.starts_with("deb\t")) {
      add_one_line(sources, line.substr(0, line.find('#')));
    } else if (const auto colon = line.find(": "); colon != std::string::npos && line[0] != ' ') {
      field = line.substr(0, colon);
      fields[field] = line.substr(colon + 2);
    } else if (line[0] == ' ' && !field.empty()) {
      fields[field] += line;
    }
  }
  add_stanza(sources, fields);
  return sources;
}

bool is_debian(const Source& source, const std::string& uri) {
  const auto offers = [](const std::vector<std::string>& list, const char* word) {
    return std::ranges::find(list, word) != list.end();
  };
  return offers(source.types, "deb") && offers(source.components, "main") && uri.find("/debian") != std::string::npos;
}

} // namespace

std::vector<std::string> debian_sources(const std::vector<std::string>& texts, const std::string& host_release,
                                        const std::string& release) {
  std::vector<std::string> lines;
  for (const auto& text : texts)
    for (const auto& source : parse(text))
      for (const auto& uri : source.uris)
        for (const auto& suite : source.suites)
          for (const char* suffix : {"", "-updates", "-security"})
            if (is_debian(source, uri) && suite == host_release + suffix)
              lines.push_back("deb " + uri + " " + release + suffix + " main");
  std::ranges::sort(lines);
  const auto repeated = std::ranges::unique(lines);
  lines.erase(repeated.begin(), repeated.end());
  return lines;
}

Result<std::vector<std::string>> read_debian_sources(const std::string& release) {
  system::LinuxFiles files;
  TANDEM_TRY(const auto description, files.read("/etc/os-release"));
  std::string host_release;
  for (const auto& line : lines_of(description))
    if (line.starts_with("VERSION_CODENAME=")) host_release = line.substr(17);
  std::vector<std::string> texts;
  if (auto text = files.read("/etc/apt/sources.list")) texts.push_back(std::move(*text));
  if (const auto names = files.list("/etc/apt/sources.list.d"))
    for (const auto& name : *names)
      if (name.ends_with(".list") || name.ends_with(".sources"))
        if (auto text = files.read("/etc/apt/sources.list.d/" + name)) texts.push_back(std::move(*text));
  auto sources = debian_sources(texts, host_release, release);
  if (sources.empty())
    return failed("no Debian mirror for " + host_release + " is named in /etc/apt",
                  "The lab builds its servers from the mirror of the machine that it runs on, which must be Debian.");
  return sources;
}

} // namespace tandem::lab
