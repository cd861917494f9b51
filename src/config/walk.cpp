#include "config/walk.hpp"

#include "base/text.hpp"
#include "config/keys.hpp"

namespace tandem::config {

namespace {

constexpr std::size_t longest_key = 64; // that a slip of the finger could have made

std::string remove_what(const Key& key) {
  return key.shape == Shape::value ? "remove the line" : "remove the table";
}

class Walk {
public:
  Walk(std::string folder, const SecretReader& read, const KeySet& accepted, Problems& problems)
      : folder_(std::move(folder)), read_(read), accepted_(accepted), problems_(problems) {}

  // The members of the table at `path` ("site.uwsgi"), which stands at `place` ("site[0].uwsgi").
  void members(const Node& table, const std::string& path, const std::string& place);

  Walked take() { return std::move(walked_); }

private:
  void member(const Member& member, const std::string& parent, const std::string& place);
  void unknown(const Member& member, const std::string& parent);
  void not_built(const Key& key, Position at);
  void value(const Key& key, const Member& member, const std::string& place);
  void table(const Key& key, const Member& member, const std::string& place);
  void tables(const Key& key, const Member& member, const std::string& place);
  [[nodiscard]] bool choice_is_built(const Key& key, const Value& value, Position at);
  [[nodiscard]] std::optional<Value> secret(const Type& type, Value value, Position at);
  [[nodiscard]] std::vector<std::string> accepted_in(std::string_view parent) const;

  std::string folder_;
  const SecretReader& read_;
  const KeySet& accepted_;
  Problems& problems_;
  Walked walked_;
};

std::string child(const std::string& parent, const std::string& name) {
  return parent.empty() ? name : parent + "." + name;
}

const Key* key_named(std::string_view parent, std::string_view name) {
  for (const auto* key : keys_in(parent))
    if (key->name() == name) return key;
  return nullptr;
}

void Walk::members(const Node& table, const std::string& path, const std::string& place) {
  std::set<std::string, std::less<>> given;
  for (const auto& entry : *table.as<Node::Table>()) {
    given.insert(entry.key);
    member(entry, path, place);
  }
  for (const auto* key : keys_in(path)) {
    if (!key->needed || given.contains(key->name()) || !accepted_.contains(key->path)) continue;
    auto expected = key->shape == Shape::value ? fmt::format("{} = …: {}", key->name(), key->type.expected)
                                               : fmt::format("{} with its keys", heading(key->path));
    const auto what = key->shape == Shape::value ? quote(key->name()) : heading(key->path);
    problems_.add(table.at, fmt::format("{} has no {}", heading(path), what), std::move(expected));
  }
}

void Walk::member(const Member& member, const std::string& parent, const std::string& place) {
  const auto* key = key_named(parent, member.key);
  if (key == nullptr) return unknown(member, parent);
  if (!accepted_.contains(key->path)) return not_built(*key, member.at);
  const auto here = child(place, member.key);
  switch (key->shape) {
  case Shape::value:
    return value(*key, member, here);
  case Shape::table:
    return table(*key, member, here);
  case Shape::tables:
    return tables(*key, member, here);
  }
}

void Walk::unknown(const Member& member, const std::string& parent) {
  if (problems_.many()) return problems_.add(member.at, "unknown key " + quote(member.key), "");
  std::vector<std::string> names;
  for (const auto* key : keys_in(parent))
    names.push_back(key->name());
  const auto problem = fmt::format("unknown key {} in {}", quote(member.key), heading(parent));
  if (const auto near = member.key.size() <= longest_key ? nearest(member.key, names) : std::nullopt)
    return problems_.add(member.at, problem, fmt::format("\"{}\", the nearest known key", *near));
  // Perhaps the line stands below the wrong heading.
  for (const auto& key : keys())
    if (key.name() == member.key && accepted_.contains(key.path))
      return problems_.add(member.at, problem, fmt::format("\"{}\" belongs to {}", member.key, heading(key.parent())));
  problems_.add(member.at, problem, alternatives(accepted_in(parent)));
}

void Walk::not_built(const Key& key, Position at) {
  problems_.add(at, fmt::format("\"{}\" is not built yet in this version of tandem; {}", key.name(), remove_what(key)),
                "only keys whose work is built; docs/configuration.md lists them");
}

std::vector<std::string> Walk::accepted_in(std::string_view parent) const {
  std::vector<std::string> names;
  for (const auto* key : keys_in(parent))
    if (accepted_.contains(key->path)) names.push_back(key->name());
  return names;
}

void Walk::value(const Key& key, const Member& member, const std::string& place) {
  walked_.places.note(place, member.node.at);
  const Report report = [&](Position at, std::string problem, std::string expected) {
    problems_.add(at, fmt::format("{}: {}", key.path, problem), std::move(expected));
  };
  const NotePart note = [&](const std::string& part, Position at) { walked_.places.note(place + part, at); };
  auto value = key.type.read(member.node, {report, note});
  if (!value || !choice_is_built(key, *value, member.node.at)) return;
  if (key.type.names_secret) value = secret(key.type, std::move(*value), member.node.at);
  if (value) key.put(walked_.pair, *value);
}

bool Walk::choice_is_built(const Key& key, const Value& value, Position at) {
  if (key.type.choices.empty()) return true;
  const auto& chosen = std::get<std::string>(value);
  if (accepted_.contains(key.path + "=" + chosen)) return true;
  std::vector<std::string> others;
  for (const auto& choice : key.type.choices)
    if (accepted_.contains(key.path + "=" + choice)) others.push_back(choice);
  problems_.add(at, fmt::format("{} = \"{}\" is not built yet in this version of tandem", key.name(), chosen),
                alternatives(others));
  return false;
}

std::optional<Value> Walk::secret(const Type& type, Value value, Position at) {
  if (std::holds_alternative<std::monostate>(value)) return value;
  model::SecretFile file{std::get<std::string>(value), {}};
  file.path = (std::filesystem::path(folder_) / file.text).lexically_normal().string();
  const auto found = read_(file.path);
  if (!found) {
    problems_.add(at, fmt::format("{} is missing: no file {}", quote(file.text), quote(file.path)),
                  "a file there that root can read");
    return std::nullopt;
  }
  if (type.check_secret && found->content)
    if (const auto right = type.check_secret(*found->content); !right) {
      problems_.add(at, fmt::format("{}: {}", file.path, right.error().message), type.secret_expected);
      return std::nullopt;
    }
  if (std::ranges::find(walked_.secrets, file.path, &model::SecretFile::path) == walked_.secrets.end())
    walked_.secrets.push_back(file);
  return file;
}

void Walk::table(const Key& key, const Member& member, const std::string& place) {
  if (member.node.as<Node::Table>() == nullptr)
    return problems_.add(member.node.at, fmt::format("\"{}\" is {}", key.name(), kind_of(member.node)),
                         fmt::format("a table: {}, once, with its keys below", heading(key.path)));
  walked_.places.note(place, member.node.at);
  key.put(walked_.pair, {});
  members(member.node, key.path, place);
}

void Walk::tables(const Key& key, const Member& member, const std::string& place) {
  const auto expected = fmt::format("{} in double brackets, once for each, with its keys below", heading(key.path));
  const auto* elements = member.node.as<Node::List>();
  if (elements == nullptr)
    return problems_.add(member.node.at, fmt::format("\"{}\" is {}", key.name(), kind_of(member.node)), expected);
  if (elements->empty() && key.needed)
    problems_.add(member.node.at, fmt::format("\"{}\" is empty", key.name()), expected);
  for (std::size_t i = 0; i < elements->size(); ++i) {
    const auto& element = (*elements)[i];
    const auto here = fmt::format("{}[{}]", place, i);
    walked_.places.note(here, element.at);
    key.put(walked_.pair, {});
    if (element.as<Node::Table>() != nullptr)
      members(element, key.path, here);
    else
      problems_.add(element.at, fmt::format("\"{}\" holds {}", key.name(), kind_of(element)), expected);
  }
}

} // namespace

Walked walk(const Node& top, const std::string& folder, const SecretReader& secret, const KeySet& accepted,
            Problems& problems) {
  Walk walk(folder, secret, accepted, problems);
  walk.members(top, "", "");
  return walk.take();
}

} // namespace tandem::config
