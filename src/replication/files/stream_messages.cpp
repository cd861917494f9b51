#include "replication/files/stream_messages.hpp"

#include <utility>

namespace tandem::replication::stream {

namespace {

class Writer {
public:
  void number(std::uint64_t value, int bytes = 8) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
      text_.push_back(static_cast<char>(value >> static_cast<unsigned>(shift)));
  }

  void field(std::uint64_t value) { number(value); }

  void field(bool value) { number(value ? 1 : 0, 1); }

  void field(std::uint16_t value) { number(value, 2); }

  void field(std::uint32_t value) { number(value, 4); }

  void field(std::int64_t value) { number(static_cast<std::uint64_t>(value)); }

  void field(system::FileType value) { number(static_cast<std::uint64_t>(value), 1); }

  void field(const std::string& value) {
    number(value.size(), 4);
    text_ += value;
  }

  void field(const std::vector<Listing::Entry>& values) {
    number(values.size(), 4);
    for (const auto& value : values) {
      field(value.name);
      field(value.digest);
    }
  }

  void field(const std::map<std::string, std::string>& values) {
    number(values.size(), 4);
    for (const auto& [name, value] : values) {
      field(name);
      field(value);
    }
  }

  // What number(…, 4) wrote at the beginning is the length of all that came after it.
  std::string take_with_length() {
    const auto length = text_.size() - 4;
    for (unsigned at = 0; at < 4; ++at)
      text_[at] = static_cast<char>(length >> (3 - at) * 8);
    return std::move(text_);
  }

  void reserve(std::size_t bytes) { text_.reserve(bytes); }

private:
  std::string text_;
};

// The first that is wrong makes all the rest wrong.
class Parser {
public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::uint64_t number(std::size_t bytes = 8) {
    if (text_.size() < bytes) good_ = false;
    if (!good_) return 0;
    std::uint64_t value = 0;
    for (std::size_t at = 0; at < bytes; ++at)
      value = value << 8U | static_cast<unsigned char>(text_[at]);
    text_.remove_prefix(bytes);
    return value;
  }

  void field(std::uint64_t& value) { value = number(); }

  void field(bool& value) {
    const auto one = number(1);
    if (one > 1) good_ = false;
    value = one == 1;
  }

  void field(std::uint16_t& value) { value = static_cast<std::uint16_t>(number(2)); }

  void field(std::uint32_t& value) { value = static_cast<std::uint32_t>(number(4)); }

  void field(std::int64_t& value) { value = static_cast<std::int64_t>(number()); }

  void field(system::FileType& value) {
    const auto one = number(1);
    if (one > static_cast<std::uint64_t>(system::FileType::other)) good_ = false;
    value = good_ ? static_cast<system::FileType>(one) : system::FileType::other;
  }

  void field(std::string& value) {
    const auto size = number(4);
    if (text_.size() < size) good_ = false;
    if (!good_) return;
    value = text_.substr(0, size);
    text_.remove_prefix(size);
  }

  void field(std::vector<Listing::Entry>& values) {
    for (auto count = number(4); good_ && count > 0; --count) {
      auto& value = values.emplace_back();
      field(value.name);
      field(value.digest);
    }
  }

  void field(std::map<std::string, std::string>& values) {
    for (auto count = number(4); good_ && count > 0; --count) {
      std::string name;
      field(name);
      field(values[name]);
    }
  }

  [[nodiscard]] bool ended_well() const { return good_ && text_.empty(); }

private:
  std::string_view text_;
  bool good_ = true;
};

// The members of each kind, in their order, for both directions.
template <class Archive, class Value>
void members(Archive& archive, Value& value);

template <class Archive, class... Fields>
void all(Archive& archive, Fields&... fields) {
  (members(archive, fields), ...);
}

template <class Archive, class Value>
void members(Archive& archive, Value& value) {
  using Kind = std::remove_const_t<Value>;
  if constexpr (std::is_same_v<Kind, Place>)
    all(archive, value.root, value.path);
  else if constexpr (std::is_same_v<Kind, system::Node>)
    all(archive, value.exists, value.type, value.mode, value.uid, value.gid, value.size, value.modified_ns,
        value.target, value.attributes, value.links);
  else if constexpr (std::is_same_v<Kind, Put>)
    all(archive, value.place, value.order, value.node, value.content, value.packed);
  else if constexpr (std::is_same_v<Kind, Offer>)
    all(archive, value.place, value.order, value.node);
  else if constexpr (std::is_same_v<Kind, Begin>)
    all(archive, value.transfer, value.place, value.sums_for);
  else if constexpr (std::is_same_v<Kind, Piece>)
    all(archive, value.transfer, value.offset, value.bytes, value.packed, value.delta);
  else if constexpr (std::is_same_v<Kind, End>)
    all(archive, value.transfer, value.node, value.sum);
  else if constexpr (std::is_same_v<Kind, Drop>)
    all(archive, value.transfer);
  else if constexpr (std::is_same_v<Kind, Remove>)
    all(archive, value.place, value.extra);
  else if constexpr (std::is_same_v<Kind, Rename>)
    all(archive, value.from, value.to, value.order);
  else if constexpr (std::is_same_v<Kind, Link>)
    all(archive, value.place, value.file, value.order);
  else if constexpr (std::is_same_v<Kind, Listing>)
    all(archive, value.place, value.order, value.after, value.until, value.entries);
  else if constexpr (std::is_same_v<Kind, Listed>)
    all(archive, value.entries);
  else if constexpr (std::is_same_v<Kind, Took>)
    all(archive, value.transfer, value.bytes);
  else if constexpr (std::is_same_v<Kind, Sums>)
    all(archive, value.transfer, value.bytes, value.last, value.none);
  else if constexpr (std::is_same_v<Kind, Mark>)
    all(archive, value.number, value.durable);
  else if constexpr (std::is_same_v<Kind, Want>)
    all(archive, value.place, value.order, value.deep, value.look, value.extra);
  else if constexpr (std::is_same_v<Kind, Refused>)
    all(archive, value.place, value.order, value.why, value.extra, value.whole);
  else if constexpr (std::is_same_v<Kind, Done>)
    all(archive, value.number, value.durable);
  else if constexpr (std::is_same_v<Kind, Removed>)
    all(archive, value.root, value.count);
  else if constexpr (std::is_same_v<Kind, Check>)
    all(archive, value.place, value.number, value.size, value.modified_ns, value.offset, value.length, value.digest);
  else if constexpr (std::is_same_v<Kind, Checked>)
    all(archive, value.number, value.equal);
  else if constexpr (std::is_same_v<Kind, system::Sum>)
    all(archive, value.high, value.low);
  else if constexpr (std::is_same_v<Kind, Look>)
    all(archive, value.place);
  else if constexpr (std::is_same_v<Kind, Looked>)
    all(archive, value.there, value.sum);
  else if constexpr (std::is_same_v<Kind, Groups>)
    all(archive, value.root, value.sum);
  else if constexpr (std::is_same_v<Kind, Unlike>)
    all(archive, value.place);
  else if constexpr (std::is_same_v<Kind, Compared>)
    all(archive, value.unlike, value.groups);
  else if constexpr (std::is_same_v<Kind, Stop>)
    all(archive, value.why, value.guard);
  else
    archive.field(value);
}

// The kind's letter is its place among the kinds.
template <std::size_t Index = 0>
Result<Message> parse(std::uint64_t kind, Parser& parser) {
  if constexpr (Index == std::variant_size_v<Message>) {
    return fail(ErrorKind::invalid, "a message of the file stream is of no known kind");
  } else {
    if (kind != Index) return parse<Index + 1>(kind, parser);
    std::variant_alternative_t<Index, Message> value;
    members(parser, value);
    if (!parser.ended_well()) return fail(ErrorKind::invalid, "a message of the file stream is not whole");
    return value;
  }
}

std::size_t length_at(std::string_view bytes) {
  return Parser(bytes).number(4);
}

constexpr std::size_t head = 4;

std::size_t content_of(const Message& message) {
  if (const auto* put = std::get_if<Put>(&message)) return put->content.size();
  const auto* piece = std::get_if<Piece>(&message);
  return piece == nullptr ? 0 : piece->bytes.size();
}

} // namespace

bool lies_at(const Place& place, const Place& folder) {
  return place.root == folder.root && (place.path == folder.path || folder.path.empty() ||
                                       (place.path.starts_with(folder.path) && place.path[folder.path.size()] == '/'));
}

Place folder_of(const Place& place) {
  const auto slash = place.path.rfind('/');
  return {place.root, slash == std::string::npos ? "" : place.path.substr(0, slash)};
}

Place place_in(const Place& folder, const std::string& name) {
  return {folder.root, folder.path.empty() ? name : folder.path + "/" + name};
}

Place moved(const Place& place, const Place& from, const Place& to) {
  return {to.root, to.path + place.path.substr(from.path.size())};
}

std::string encode(const Message& message) {
  constexpr std::size_t usual = 256; // but for content
  Writer whole;
  whole.reserve(usual + content_of(message));
  whole.number(0, head);
  whole.number(message.index(), 1);
  std::visit([&](const auto& value) { members(whole, value); }, message);
  return whole.take_with_length();
}

Result<Message> decode(std::string_view bytes) {
  Parser parser(bytes);
  const auto kind = parser.number(1);
  return parse(kind, parser);
}

Result<std::optional<Message>> Reader::next() {
  const auto rest = std::string_view(buffer_).substr(used_);
  const auto length = rest.size() < head ? 0 : length_at(rest);
  if (length > largest_message) return fail(ErrorKind::invalid, "a message of the file stream is too long");
  if (rest.size() < head || rest.size() < head + length) {
    buffer_.erase(0, std::exchange(used_, 0));
    return std::nullopt;
  }
  used_ += head + length;
  TANDEM_TRY(auto message, decode(rest.substr(head, length)));
  return message;
}

} // namespace tandem::replication::stream
