#include "config/reference.hpp"

#include "base/text.hpp"
#include "config/keys.hpp"

namespace tandem::config {

namespace {

constexpr std::string_view introduction = R"(# tandem.toml

The whole pair in one file, `/etc/tandem/tandem.toml`. This page is made from the table of keys in `src/config`;
`examples/tandem.toml` uses every key. Keys that are *not built yet* are refused by name, never accepted and ignored;
an unknown key is an error that names the nearest known one.

Durations are a number with `s`, `m`, `h`, `d` or `w`; sizes a number with `kB`, `MB`, `GB` or `TB`, in powers of 1024.
Paths of files are absolute or relative to the folder of this file. No text may hold a line end.
)";

// One of everything, so that every key's default can be read.
model::Pair one_of_everything() {
  model::Pair pair;
  for (const auto& key : keys())
    if (key.shape != Shape::value) key.put(pair, {});
  return pair;
}

std::string cell(std::string text) {
  return replace_all(std::move(text), "|", "\\|");
}

std::string default_of(const Key& key, model::Pair& pair) {
  if (key.needed) return "required";
  const auto shown = key.show(pair);
  const bool automatic = shown.empty() && key.type.name.contains("auto");
  if (automatic) return "`\"auto\"`";
  return shown.empty() || shown == "\"\"" ? "none" : "`" + shown + "`";
}

std::string row(const Key& key, model::Pair& pair) {
  std::string says = key.says;
  if (!key.built) says += "; *not built yet*";
  for (const auto& choice : key.later_choices)
    says += fmt::format("; \"{}\" is *not built yet*", choice);
  return fmt::format("| `{}` | {} | {} | {} |\n", key.name(), cell(key.type.name), cell(default_of(key, pair)),
                     cell(std::move(says)));
}

std::string section(const Key& table, model::Pair& pair) {
  auto text = fmt::format("\n## {}\n\n{}{}{}\n\n", heading(table.path), table.says, table.needed ? " Required." : "",
                          table.built ? "" : " *Not built yet.*");
  text += "| key | takes | default | what it does |\n| --- | --- | --- | --- |\n";
  for (const auto* key : keys_in(table.path))
    if (key->shape == Shape::value) text += row(*key, pair);
  return text;
}

} // namespace

std::string reference() {
  auto pair = one_of_everything();
  std::string text(introduction);
  for (const auto& key : keys())
    if (key.shape != Shape::value) text += section(key, pair);
  return text;
}

} // namespace tandem::config
