#include "sites/imports.hpp"

#include "base/text.hpp"
#include "model/places.hpp"
#include "sites/jobs.hpp"
#include "sites/words.hpp"
#include "sites/work_unit.hpp"

#include <fnmatch.h>
#include <nlohmann/json.hpp>

namespace tandem::sites {

namespace {

constexpr std::size_t id_digits = 13; // milliseconds since the epoch, until the year 2286
constexpr std::size_t longest_name = 255;
// A shell of root's that has nothing of the site's environment, whose PATH begins with programs that its owner may
// change.
constexpr auto* clean_shell = "/usr/bin/env -i PATH=/usr/bin:/bin /bin/sh -c";
constexpr std::string_view asked_to_end = "143"; // 128 and SIGTERM: how a program says it that took the signal itself

// Where the command says "{file}" the upload's path stands, or behind it all.
Result<std::string> command_line(const model::Import& import) {
  TANDEM_TRY(auto arguments, split_command(import.run));
  const auto names_it = [](const std::string& argument) { return argument.find("{file}") != std::string::npos; };
  if (std::ranges::none_of(arguments, names_it)) arguments.emplace_back("{file}");
  std::string line;
  for (const auto& argument : arguments)
    line += " " + replace_all(replace_all(systemd_quoted(argument), "$", "$$"), "{file}", "${TANDEM_UPLOAD}");
  return line;
}

} // namespace

std::string import_service(const std::string& domain) {
  return model::import_prefix + domain + ".service";
}

Result<std::string> import_service_text(const Layout& layout, const model::Site& site) {
  TANDEM_TRY(const auto line, command_line(*site.import));
  const auto spool = layout.imports(site.domain);
  return work_unit_head(layout, site, "Import", "ConditionPathExists=" + spool + "/upload.env\n") +
         fmt::format(R"(Type=exec
EnvironmentFile={spool}/upload.env
ExecStartPre=+{clean} 'cd "$$1" && echo "$$2" > begun && sync begun .' sh {spool} ${{INVOCATION_ID}}
# What fails is kept and told by the agent, so it is no failure of systemd's.
ExecStart=-/usr/bin/env --{line}
ExecStop=+{clean} 'cd "$$1" || exit; [ -z "$$2" ] || {{ : > cut && sync cut .; }}' sh {spool} ${{MAINPID}}
ExecStopPost=+{clean} 'cd "$$1" && shift && echo "$$*" > result.new && sync result.new && mv result.new result && sync .' sh {spool} ${{SERVICE_RESULT}} ${{EXIT_CODE}} ${{EXIT_STATUS}}
# So long it has to end when it is asked to.
TimeoutStopSec=30
)",
                     fmt::arg("line", line), fmt::arg("spool", spool), fmt::arg("clean", clean_shell));
}

bool is_upload_name(const std::string& name) {
  const auto control = [](char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f; };
  if (name.empty() || name.size() > longest_name || name.front() == '.') return false;
  if (name.find('/') != std::string::npos || std::ranges::any_of(name, control)) return false;
  try {
    return !nlohmann::json(name).dump().empty();
  } catch (const nlohmann::json::exception&) { // no UTF-8
    return false;
  }
}

bool takes(const model::Import& import, const std::string& name) {
  return is_upload_name(name) && ::fnmatch(import.pattern.c_str(), name.c_str(), FNM_PERIOD) == 0;
}

std::string upload_id(std::chrono::system_clock::time_point now, std::string_view server, std::uint64_t count) {
  return fmt::format("{:0{}}-{}-{}",
                     std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count(), id_digits,
                     server, count);
}

bool is_upload_id(std::string_view text) {
  constexpr std::string_view digits = "0123456789";
  constexpr std::string_view letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_";
  return text.size() > id_digits + 1 && text.size() < longest_name && text[id_digits] == '-' &&
         text.substr(0, id_digits).find_first_not_of(digits) == std::string_view::npos &&
         text.find_first_not_of(letters) == std::string_view::npos;
}

std::chrono::system_clock::time_point moment_of(std::string_view upload_id) {
  const auto milliseconds = to_number(upload_id.substr(0, upload_id.find('-'))).value_or(0);
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(milliseconds));
}

// systemd.exec(5), "Environment Variables Set on the Service": SIGTERM is what whoever ends it sends.
ImportEnding import_ending(const ImportTraces& traces, bool primary) {
  using Kind = ImportEnding::Kind;
  if (!traces.begun) return {.kind = Kind::never_began};
  const auto words = split(trim(traces.result), ' ');
  if (traces.cut || words.size() != 3) return {.kind = Kind::interrupted};
  if (words[1] == "exited" && words[2] == "0") return {.kind = Kind::succeeded};
  const bool killed = words[1] == "killed" || words[1] == "dumped";
  if (!primary || (killed && words[2] == "TERM") || words[2] == asked_to_end) return {.kind = Kind::interrupted};
  if (words[0] == "oom-kill") return {.kind = Kind::failed, .why = "there was not enough memory for it"};
  return {.kind = Kind::failed,
          .why = killed ? "it was killed by the signal " + words[2] : "it ended with status " + words[2]};
}

} // namespace tandem::sites
