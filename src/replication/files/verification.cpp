#include "replication/files/verification.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

namespace tandem::replication::stream {

namespace {

constexpr std::uint64_t piece = std::uint64_t{1} << 20U;
constexpr std::uint64_t least_cost =
    4096;                              // of a piece, in bytes of the rate: a small file is to be found and opened, too
constexpr std::size_t most_asked = 32; // so that the standby's files do not wait behind them
constexpr std::size_t most_paths = 1000;
constexpr std::size_t most_suspects = 1000;
constexpr auto longest_undecided = std::chrono::seconds(60); // then something keeps the stream from going on
constexpr unsigned numbers = 40; // bits of a piece's number; the verification's comes before it

bool is_unchanged(const system::Node& one, const system::Node& other) {
  return one.id == other.id && one.size == other.size && one.modified_ns == other.modified_ns;
}

} // namespace

std::string digest_of_piece(std::string_view bytes) {
  std::string digest(32, '\0');
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
             nullptr);
  return digest;
}

Verification::Verification(std::uint64_t number, std::size_t roots, std::uint64_t bytes_per_second)
    : rate_(std::max<std::uint64_t>(bytes_per_second, 1)) {
  state_.number = number;
  for (std::size_t root = roots; root > 0; --root)
    folders_.push_back({static_cast<std::uint16_t>(root - 1), ""});
}

bool Verification::may_go_on(Time now, std::uint64_t settled) const {
  if (state_.done || asked_.size() >= most_asked || now < not_before_) return false;
  return may_read_on() || has_due(now, settled);
}

bool Verification::has_due(Time now, std::uint64_t settled) const {
  return !suspects_.empty() &&
         (suspects_.front().barrier <= settled || now - suspects_.front().asked > longest_undecided);
}

// While something cannot be sent nothing is decided.
bool Verification::may_read_on() const {
  return has_more() && suspects_.size() + unsighted_.size() < most_suspects;
}

std::optional<Time> Verification::next_time() const {
  if (state_.done || asked_.size() >= most_asked) return std::nullopt;
  if (may_read_on()) return not_before_;
  if (suspects_.empty()) return std::nullopt;
  return std::max(not_before_, suspects_.front().asked + longest_undecided);
}

std::optional<Check> Verification::step(const std::vector<Root>& roots, Time now, std::uint64_t settled,
                                        const Waits& waits) {
  if (has_due(now, settled)) return compare_again(roots, now, settled, waits);
  if (!may_read_on()) return std::nullopt;
  if (current_) return next_piece(now);
  if (!names_.empty()) {
    next_name(roots, waits);
    return std::nullopt;
  }
  const auto folder = std::move(folders_.back());
  folders_.pop_back();
  const auto& root = roots.at(folder.root);
  const auto names = root.tree.names(folder.path);
  if (!names && names.error().kind == ErrorKind::not_found) ++state_.passed_over; // it has another name, or is gone
  if (!names && names.error().kind != ErrorKind::not_found) note_problem(names.error().message);
  for (auto at = names ? names->rbegin() : std::reverse_iterator<std::vector<system::Tree::Name>::const_iterator>();
       names && at != names->rend(); ++at) {
    auto place = place_in(folder, at->name);
    if (!root.patterns.leave_out(place.path, at->folder)) (at->folder ? folders_ : names_).push_back(std::move(place));
  }
  end_when_done();
  return std::nullopt;
}

void Verification::next_name(const std::vector<Root>& roots, const Waits& waits) {
  auto place = std::move(names_.back());
  names_.pop_back();
  if (waits(place))
    ++state_.passed_over;
  else
    open(roots, std::move(place));
  end_when_done();
}

void Verification::open(const std::vector<Root>& roots, Place place) {
  const auto& tree = roots.at(place.root).tree;
  const auto there = tree.look(place.path);
  if (there && (!there->exists || there->type != system::FileType::regular)) return;
  auto file = tree.open_file(place.path);
  if (!file && file.error().kind == ErrorKind::not_found) return;
  auto node = file ? system::look_at(file->get()) : std::unexpected(file.error());
  if (!node) return note_problem(node.error().message);
  current_.emplace(Current{.place = std::move(place), .file = std::move(*file), .node = std::move(*node)});
  ++state_.files;
}

void Verification::note_problem(const std::string& why) {
  if (state_.problem.empty()) state_.problem = why;
}

std::optional<Check> Verification::next_piece(Time now) {
  auto& current = *current_;
  const auto length = std::min(piece, current.node.size - current.offset);
  auto bytes = system::read_piece(current.file.get(), current.offset, length);
  const auto after = system::look_at(current.file.get());
  if (!bytes || !after) note_problem(bytes ? after.error().message : bytes.error().message);
  const bool same = bytes && after && is_unchanged(*after, current.node) && bytes->size() == length;
  if (bytes && after && !same) ++state_.passed_over;
  Asked what{.place = current.place, .node = current.node, .offset = current.offset, .length = length};
  current.offset += length;
  if (!same || current.offset >= current.node.size) current_.reset();
  if (same) return ask(std::move(what), *bytes, now);
  end_when_done();
  return std::nullopt;
}

std::optional<Check> Verification::compare_again(const std::vector<Root>& roots, Time now, std::uint64_t settled,
                                                 const Waits& waits) {
  auto what = std::move(suspects_.front());
  suspects_.pop_front();
  if (what.barrier > settled || waits(what.place)) {
    ++state_.passed_over;
    end_when_done();
    return std::nullopt;
  }
  const auto file = roots.at(what.place.root).tree.open_file(what.place.path);
  const auto node = file ? system::look_at(file->get()) : std::unexpected(file.error());
  const auto bytes = node && is_unchanged(*node, what.node) ? system::read_piece(file->get(), what.offset, what.length)
                                                            : Result<std::string>();
  if (!node && node.error().kind != ErrorKind::not_found) note_problem(node.error().message);
  if (!bytes) note_problem(bytes.error().message);
  if (node && bytes && is_unchanged(*node, what.node) && bytes->size() == what.length) {
    what.again = true;
    return ask(std::move(what), *bytes, now);
  }
  ++state_.passed_over;
  end_when_done();
  return std::nullopt;
}

Check Verification::ask(Asked what, const std::string& bytes, Time now) {
  state_.bytes += bytes.size();
  const auto cost = std::max<std::uint64_t>(bytes.size(), least_cost);
  not_before_ = std::max(not_before_, now) + std::chrono::nanoseconds(cost * 1'000'000'000 / rate_);
  Check check{.place = what.place,
              .number = (state_.number << numbers) + next_number_++,
              .size = what.node.size,
              .modified_ns = what.node.modified_ns,
              .offset = what.offset,
              .length = what.length,
              .digest = digest_of_piece(bytes)};
  what.asked = now;
  asked_.emplace(check.number, std::move(what));
  return check;
}

void Verification::sighted(std::uint64_t barrier) {
  for (auto& what : std::exchange(unsighted_, {})) {
    what.barrier = barrier;
    suspects_.push_back(std::move(what));
  }
}

Result<std::optional<Place>> Verification::answered(const Checked& answer, const std::vector<Root>& roots) {
  if (answer.number >> numbers != state_.number) return std::optional<Place>(); // one before this was asked that
  auto known = asked_.extract(answer.number);
  if (!known) return fail(ErrorKind::invalid, "the other server has compared what it was not asked to");
  auto& what = known.mapped();
  std::optional<Place> differs;
  if (!answer.equal && !what.again) {
    // One piece of a file that differs is enough.
    if (current_ && current_->place == what.place) current_.reset();
    const auto same = [&](const Asked& other) { return other.place == what.place; };
    if (!different_.contains(what.place) && std::ranges::none_of(unsighted_, same) &&
        std::ranges::none_of(suspects_, same))
      unsighted_.push_back(std::move(what));
  } else if (!answer.equal && different_.insert(what.place).second) {
    ++state_.differences;
    if (state_.paths.size() < most_paths)
      state_.paths.push_back(roots.at(what.place.root).tree.path() + "/" + what.place.path);
    differs = what.place;
  }
  end_when_done();
  return differs;
}

void Verification::end_when_done() {
  state_.done = !has_more() && asked_.empty() && unsighted_.empty() && suspects_.empty();
}

} // namespace tandem::replication::stream
