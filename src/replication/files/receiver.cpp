#include "replication/files/receiver.hpp"

#include "replication/files/verification.hpp"
#include "system/compression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace tandem::replication::stream {

namespace {

using system::FileType;
using system::Node;
using system::Tree;

constexpr std::size_t most_transfers = 256;
constexpr std::uint64_t least_compared = std::uint64_t{64} << 10U; // bytes of old content
constexpr std::uint64_t most_times = 16;                           // as large, or as small
constexpr std::size_t most_extras = 10'000;                        // of one listing, at once

Result<void> put_file(Tree& tree, const Put& put) {
  TANDEM_TRY(const auto file, tree.begin_file(put.place.path));
  std::string unpacked;
  if (put.packed) {
    TANDEM_TRY(unpacked, system::unpack(put.content, largest_message));
  }
  TANDEM_CHECK(system::write_piece(file.get(), 0, put.packed ? unpacked : put.content));
  return tree.finish_file(put.place.path, file.get(), put.node);
}

} // namespace

Result<void> Receiver::take(const Message& message, std::chrono::steady_clock::time_point now) {
  if (stopped_) return {};
  begin_hour(now);
  return std::visit(
      [this](const auto& value) -> Result<void> {
        if constexpr (requires { on(value); })
          return on(value);
        else
          return fail(ErrorKind::invalid, "the sender of files says what only a receiver says");
      },
      message);
}

void Receiver::begin_hour(std::chrono::steady_clock::time_point now) {
  const bool over = since_ && now - *since_ > std::chrono::hours(1);
  if (!since_ || over) since_ = now;
  if (!over) return;
  for (auto& root : roots_)
    root.removed = root.came = root.names = root.extras = 0;
}

// The other end remembers it for the next receiver, and for comparisons.
void Receiver::tell_removed(Root& root, std::uint64_t at_least) {
  const auto fewer = root.fewer();
  if (std::max(fewer, root.told) - std::min(fewer, root.told) < at_least) return;
  root.told = fewer;
  answer_(Removed{.root = static_cast<std::uint16_t>(&root - roots_.data()), .count = fewer});
}

Result<Tree*> Receiver::tree_of(const Place& place) {
  if (place.root >= roots_.size()) return fail(ErrorKind::invalid, "the sender of files names an unknown folder");
  return &roots_[place.root].tree;
}

// Where the folder around it is missing that is asked for, with all that is in it: something has made the trees
// unequal.
void Receiver::refuse(const Place& place, std::uint64_t order, const Error& error, bool extra) {
  if (error.kind == ErrorKind::not_found && !place.path.empty()) {
    return answer_(Want{.place = folder_of(place), .order = order, .deep = true});
  }
  answer_(Refused{.place = place, .order = order, .why = error.message, .extra = extra});
  // Some of it may have been done, and that has changed the folder around it.
  if (!place.path.empty()) answer_(Want{.place = folder_of(place), .order = order, .look = true});
}

// Of a folder that stands where something else belongs its files are none of the primary's any more.
Result<bool> Receiver::make_way(Root& root, const std::string& path, const Node& wanted) {
  TANDEM_TRY(const auto there, root.tree.look(path));
  if (!there.exists || there.type != FileType::folder || wanted.type == FileType::folder) return there.exists;
  remove({static_cast<std::uint16_t>(&root - roots_.data()), path});
  return stopped_ ? Result<bool>(failed("too much would be removed")) : Result<bool>(true);
}

Result<void> Receiver::replace(const Place& place, const Node& node,
                               const std::function<Result<void>(Tree& tree)>& put) {
  auto& root = roots_[place.root];
  TANDEM_TRY(const bool was_there, make_way(root, place.path, node));
  TANDEM_CHECK(put(root.tree));
  if (!was_there) ++root.came;
  return {};
}

Result<void> Receiver::on(const Put& put) {
  TANDEM_CHECK(tree_of(put.place));
  const auto done = replace(put.place, put.node, [&](Tree& tree) { return put_file(tree, put); });
  if (!done) refuse(put.place, put.order, done.error());
  return {};
}

Result<void> Receiver::on(const Offer& offer) {
  TANDEM_TRY(auto* tree, tree_of(offer.place));
  const auto& path = offer.place.path;
  auto there = tree->look(path);
  if (!there) {
    refuse(offer.place, offer.order, there.error());
    return {};
  }
  // One whose file has other names here, which are none of it there, gets a file of its own.
  const bool shared = there->exists && there->type == FileType::regular && there->links > offer.node.links;
  if (*there == offer.node && !shared) return {};
  Result<void> done;
  if (offer.node.type == FileType::other) {
    // Devices and the like are not carried; what was there before is no more, unless it is such a one itself.
    if (there->exists && there->type != FileType::other) remove(offer.place);
  } else if (offer.node.type == FileType::folder) {
    done = tree->make_folder(path, offer.node);
    if (done && !there->exists) ++roots_[offer.place.root].came;
  } else if (offer.node.type == FileType::link) {
    done = replace(offer.place, offer.node, [&](Tree& far) { return far.make_link(path, offer.node); });
  } else if (there->type == FileType::regular && there->exists && !shared && there->size == offer.node.size &&
             there->modified_ns == offer.node.modified_ns) {
    done = tree->set_meta(path, offer.node);
  } else {
    answer_(Want{.place = offer.place, .order = offer.order});
  }
  if (!done) refuse(offer.place, offer.order, done.error());
  return {};
}

Result<void> Receiver::on(const Begin& begin) {
  TANDEM_TRY(auto* tree, tree_of(begin.place));
  if (transfers_.size() >= most_transfers || transfers_.contains(begin.transfer))
    return fail(ErrorKind::invalid, "the sender of files begins too many at once");
  Transfer transfer{.place = begin.place, .file = {}};
  if (auto file = this->begin(*tree, begin))
    transfer.file = std::move(*file);
  else
    refuse(transfer, file.error());
  transfers_.emplace(begin.transfer, std::move(transfer));
  return {};
}

// What differs too much in its size is hardly the content that it was.
Result<IncomingFiles::Handle> Receiver::begin(Tree& tree, const Begin& begin) {
  TANDEM_TRY(auto target, tree.begin_file(begin.place.path));
  const auto old = [&]() -> std::pair<system::Descriptor, std::uint64_t> {
    auto file = begin.sums_for == 0 ? Result<system::Descriptor>() : tree.open_file(begin.place.path);
    const auto node = file && *file ? system::look_at(file->get()) : Result<Node>();
    const bool alike = node && node->size >= least_compared && node->size / most_times <= begin.sums_for &&
                       begin.sums_for / most_times <= node->size;
    return alike ? std::pair(std::move(*file), node->size) : std::pair(system::Descriptor(), std::uint64_t{0});
  };
  auto [old_file, old_size] = old();
  if (begin.sums_for != 0 && !old_file) answer_(Sums{.transfer = begin.transfer, .last = true, .none = true});
  return incoming_.begin(begin.transfer, std::move(target), std::move(old_file), old_size);
}

Result<void> Receiver::on(const Piece& piece) {
  const auto known = transfers_.find(piece.transfer);
  if (known == transfers_.end()) return fail(ErrorKind::invalid, "the sender of files goes on with an unknown one");
  auto& transfer = known->second;
  const auto taken = transfer.file ? incoming_.take(transfer.file, piece) : Result<void>();
  if (transfer.file && taken) return {};
  answer_(Took{.transfer = piece.transfer, .bytes = piece.bytes.size()});
  if (!taken) {
    refuse(transfer, taken.error());
    transfer.file.reset();
  }
  return {};
}

// Always said of a transfer, so that no more of it comes than what is on the way, and it comes anew.
void Receiver::refuse(const Transfer& transfer, const Error& error) {
  const bool gone = error.kind == ErrorKind::not_found;
  if (gone) refuse(transfer.place, 0, error);
  if (gone || (transfer.file && IncomingFiles::wants_whole(*transfer.file)))
    answer_(Refused{.place = transfer.place, .why = error.message, .whole = true});
  else
    refuse(transfer.place, 0, error);
}

void Receiver::say_taken() {
  for (const auto& message : incoming_.take_said())
    answer_(message);
}

Result<void> Receiver::on(const End& end) {
  auto found = transfers_.extract(end.transfer);
  if (!found) return fail(ErrorKind::invalid, "the sender of files ends an unknown one");
  auto& transfer = found.mapped();
  TANDEM_CHECK(tree_of(transfer.place));
  if (!transfer.file) return {}; // it was refused when that was seen, and comes again
  if (const auto all = incoming_.finish(transfer.file, end.sum); !all) {
    refuse(transfer, all.error());
    return {};
  }
  const auto done = replace(transfer.place, end.node, [&](Tree& tree) {
    return tree.finish_file(transfer.place.path, transfer.file->target.get(), end.node);
  });
  if (!done) refuse(transfer, done.error());
  return {};
}

Result<void> Receiver::on(const Drop& drop) {
  const auto dropped = transfers_.extract(drop.transfer);
  if (dropped && dropped.mapped().file) incoming_.drop(dropped.mapped().file);
  return {};
}

Result<void> Receiver::on(const Remove& remove) {
  TANDEM_CHECK(tree_of(remove.place));
  if (remove.place.path.empty())
    return fail(ErrorKind::invalid, "the sender of files removes a whole replicated folder");
  this->remove(remove.place, remove.extra);
  return {};
}

// A comparison that finds much of a tree gone is as a rule about a disk that is missing: nothing is set against that.
bool Receiver::is_too_much(const Root& root, std::uint64_t count, bool extra) const {
  if (guard_ >= 1) return false;
  const auto part = std::max(few_removals, static_cast<std::uint64_t>(guard_ * static_cast<double>(root.names)));
  if (extra && root.extras + count > part) return true;
  return root.removed + count > part + root.came;
}

// Of names, with all that lies below; what is left out does not count, neither here nor there.
Result<std::uint64_t> Receiver::count(const Root& root, const std::string& path) {
  return root.tree.count(path, std::numeric_limits<std::uint64_t>::max(),
                         [&](const std::string& one, bool folder) { return root.patterns.leave_out(one, folder); });
}

// Counted before.
Result<bool> Receiver::may_remove(Root& root, const std::string& path, bool extra) {
  TANDEM_TRY(const auto count, this->count(root, path));
  if (is_too_much(root, count, extra) && root.names == 0) {
    TANDEM_TRY(const auto names, this->count(root, ""));
    root.names = names + root.removed - std::min(names + root.removed, root.came);
    root.names = std::max<std::uint64_t>(root.names, 1);
  }
  if (is_too_much(root, count, extra)) return false;
  root.removed += count;
  if (extra) root.extras += count;
  tell_removed(root, few_removals);
  return true;
}

void Receiver::note_came(Root& root, const std::string& path) {
  root.came += count(root, path).value_or(0);
}

bool Receiver::allowed(const Place& place, bool extra) {
  auto& root = roots_[place.root];
  const auto may = may_remove(root, place.path, extra);
  if (!may) refuse(place, 0, may.error(), extra);
  if (!may || *may) return may.has_value();
  stopped_ = true;
  tell_removed(root, 1);
  answer_(Stop{.why = fmt::format("more of the files in {} would be removed within an hour than [files] "
                                  "deletion_guard allows, {} among them",
                                  root.tree.path(), place.path),
               .guard = true});
  return false;
}

void Receiver::remove(const Place& place, bool extra) {
  if (stopped_ || !allowed(place, extra)) return;
  auto& root = roots_[place.root];
  const auto done = remove_from(root, place.path);
  if (done) return;
  // What is left of it is no loss, and is counted when it goes.
  const auto left = count(root, place.path).value_or(0);
  root.removed -= std::min(root.removed, left);
  if (extra) root.extras -= std::min(root.extras, left);
  refuse(place, 0, done.error(), extra);
}

// What each server has for itself stays, with the folders around it, as it does when rsync deletes.
Result<void> Receiver::remove_from(Root& root, const std::string& path) {
  if (!root.patterns.keeps_below(path)) return root.tree.remove(path);
  const auto names = root.tree.names(path);
  if (!names) return root.tree.remove(path); // no folder, or none any more
  bool kept = false;
  for (const auto& [name, folder, inode] : *names) {
    const auto below = path + "/" + name;
    if (root.patterns.leave_out(below, folder))
      kept = true;
    else
      TANDEM_CHECK(remove_from(root, below));
    TANDEM_TRY(const auto left, root.tree.look(below));
    kept = kept || left.exists;
  }
  return kept ? Result<void>() : root.tree.remove(path);
}

// What is missing here, or cannot be replaced by a rename, is looked at as a whole. What is replaced by one is gone; a
// folder is so in all that it holds, for there it was empty at least.
Result<void> Receiver::on(const Rename& rename) {
  TANDEM_TRY(auto* from, tree_of(rename.from));
  TANDEM_TRY(auto* to, tree_of(rename.to));
  if (rename.from.path.empty() || rename.to.path.empty())
    return fail(ErrorKind::invalid, "the sender of files renames a whole replicated folder");
  // What this server has for itself there would come to where it is so no more.
  if (roots_[rename.from.root].patterns.keeps_below(rename.from.path)) {
    answer_(Want{.place = rename.to, .order = rename.order, .deep = true});
    return {};
  }
  const auto source = from->look(rename.from.path);
  const auto target = to->look(rename.to.path);
  const bool replaces = source && source->exists && target && target->exists;
  if (replaces && target->type == FileType::folder)
    remove(rename.to);
  else if (replaces && !allowed(rename.to))
    return {};
  if (stopped_) return {};
  auto& root = roots_[rename.to.root];
  if (from->rename(rename.from.path, *to, rename.to.path)) {
    if (rename.from.root != rename.to.root) note_came(root, rename.to.path);
    return {};
  }
  if (replaces && target->type != FileType::folder) root.removed -= std::min<std::uint64_t>(root.removed, 1);
  answer_(Want{.place = rename.to, .order = rename.order, .deep = true});
  return {};
}

// The file is as it is, or will be replaced, and the name comes again then.
Result<void> Receiver::on(const Link& link) {
  TANDEM_TRY(auto* tree, tree_of(link.place));
  const auto file = tree->look(link.file);
  const auto there = tree->look(link.place.path);
  if (file && (!file->exists || file->type != FileType::regular)) {
    answer_(Want{.place = {link.place.root, link.file}, .order = link.order});
    return answer_(Want{.place = link.place, .order = link.order, .deep = true}), Result<void>();
  }
  if (file && there && there->exists && there->id == file->id) return {};
  const auto done = !file || !there
                        ? std::unexpected((file ? there : file).error())
                        : replace(link.place, *file, [&](Tree& far) { return far.link(link.file, link.place.path); });
  if (!done) refuse(link.place, link.order, done.error());
  return {};
}

Result<void> Receiver::on(const Listing& listing) {
  TANDEM_CHECK(tree_of(listing.place));
  const auto done = compare(roots_[listing.place.root], listing);
  if (!done) {
    // Where the folder is not there its own offer was refused.
    if (done.error().kind != ErrorKind::not_found) refuse(listing.place, listing.order, done.error());
    answer_(Want{.place = listing.place, .order = listing.order, .deep = true});
  }
  answer_(Listed{.entries = listing.entries.size()});
  return {};
}

Result<void> Receiver::compare(Root& root, const Listing& listing) {
  if (listing.after.empty() || listed_place_ != listing.place) {
    listed_place_.reset(); // until its names are known
    TANDEM_TRY(listed_names_, root.tree.list(listing.place.path));
    listed_place_ = listing.place;
  }
  const auto first = std::ranges::upper_bound(listed_names_, listing.after);
  const auto last =
      listing.until.empty() ? listed_names_.end() : std::ranges::upper_bound(listed_names_, listing.until);
  const auto done = compare_names(root, listing, std::span(first, std::max(first, last)));
  if (listing.until.empty()) {
    listed_names_ = {};
    listed_place_.reset();
  }
  return done;
}

Result<void> Receiver::compare_names(Root& root, const Listing& listing, std::span<const std::string> here) {
  std::map<std::string_view, std::uint64_t> theirs;
  for (const auto& entry : listing.entries)
    theirs[entry.name] = entry.digest;
  const auto want = [&](std::string_view name, bool look) {
    answer_(Want{.place = place_in(listing.place, std::string(name)), .order = listing.order, .look = look});
  };
  std::vector<std::string> both;
  std::size_t extras = 0;
  for (const auto& name : here) {
    const auto place = place_in(listing.place, name);
    if (theirs.contains(name))
      both.push_back(name);
    else if (!root.patterns.leave_out(place.path, true) && !root.patterns.leave_out(place.path, false) &&
             ++extras <= most_extras)
      answer_(Want{.place = place, .order = listing.order, .extra = true});
  }
  TANDEM_TRY(const auto digests, root.tree.digests(listing.place.path, both));
  for (std::size_t at = 0; at < both.size(); ++at) {
    if (!digests[at]) continue; // gone since: missing, then
    const auto there = theirs.extract(both[at]).mapped();
    if (there != 0 && (there != digests[at]->value || digests[at]->unread)) want(both[at], true);
  }
  for (const auto& [name, digest] : theirs)
    if (digest != 0) want(name, false);
  if (extras > most_extras) answer_(Want{.place = listing.place, .order = listing.order, .deep = true});
  return {};
}

Result<void> Receiver::on(const Check& check) {
  TANDEM_TRY(auto* tree, tree_of(check.place));
  if (check.length > largest_message) return fail(ErrorKind::invalid, "the sender of files compares too much at once");
  const auto file = tree->open_file(check.place.path);
  const auto node = file ? system::look_at(file->get()) : std::unexpected(file.error());
  const bool alike = node && node->size == check.size && node->modified_ns == check.modified_ns;
  const auto bytes = alike ? system::read_piece(file->get(), check.offset, check.length) : Result<std::string>();
  answer_(Checked{.number = check.number, .equal = alike && bytes && digest_of_piece(*bytes) == check.digest});
  return {};
}

Result<void> Receiver::on(const Mark& mark) {
  bool durable = mark.durable;
  for (auto& root : roots_) {
    tell_removed(root, 1);
    if (!root.tree.is_at_its_path()) {
      stopped_ = true;
      answer_(Stop{root.tree.path() + " is another folder on the standby by now"});
      return {};
    }
    if (!mark.durable) continue;
    if (const auto done = root.tree.settle(); !done) {
      durable = false;
      refuse({static_cast<std::uint16_t>(&root - roots_.data()), ""}, 0, done.error());
    }
  }
  answer_(Done{.number = mark.number, .durable = durable});
  return {};
}

} // namespace tandem::replication::stream
