#include "replication/files/census.hpp"

#include "replication/files/rsync.hpp"
#include "system/link.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace tandem::replication {

namespace {

using stream::Compared;
using stream::encode;
using stream::Groups;
using stream::Listing;
using stream::Look;
using stream::Looked;
using stream::Mark;
using stream::Message;
using stream::Place;
using stream::place_in;
using stream::Reader;
using stream::Unlike;
using stream::Want;
using system::FolderSum;
using system::Sum;

constexpr std::string_view census_root = "--root=";
constexpr std::string_view census_rule = "--rule=";
constexpr std::size_t most_unlike = 1000;       // folders that are named
constexpr std::size_t most_differences = 2'000; // names
constexpr std::size_t most_in_a_listing = std::size_t{3} << 20U;
constexpr int most_rounds = 4;

// By file, which names of it there are.
using LinkedFiles = std::map<system::FileId, std::vector<std::string>>;

struct SummedTree {
  system::Tree tree;
  Patterns patterns = {};
  LinkedFiles linked = {};

  [[nodiscard]] Result<FolderSum> sum(const std::string& folder, std::vector<system::NameSum>* each = nullptr) const {
    const auto before = folder.empty() ? "" : folder + "/";
    return tree.sum(
        folder,
        [&](const std::string& name, bool is_folder) { return patterns.leave_out_last(before + name, is_folder); },
        each);
  }

  void note(const std::string& folder, const FolderSum& sum) {
    for (const auto& [name, id] : sum.linked)
      linked[id].push_back(place_in({0, folder}, name).path);
  }

  // The names outside of the root are none of its.
  Sum take_groups() {
    Sum all;
    for (auto& [id, names] : std::exchange(linked, {})) {
      if (names.size() < 2) continue;
      std::ranges::sort(names);
      all.add(system::sum_of_names(names));
    }
    return all;
  }
};

Result<std::vector<SummedTree>> open_trees(const std::vector<CensusRoot>& roots) {
  std::vector<SummedTree> trees;
  for (const auto& root : roots) {
    TANDEM_TRY(auto tree, system::Tree::open(root.path));
    trees.push_back({.tree = std::move(tree), .patterns = root.patterns});
  }
  system::take_own_working_folder();
  return trees;
}

} // namespace

std::vector<std::string> census_words(const model::Pair& pair) {
  std::vector<std::string> words;
  for (const auto& root : pair.files.replicate) {
    words.push_back(std::string(census_root) + root);
    for (const auto& rule : filter_rules(pair, root))
      words.push_back(std::string(census_rule) + rule);
  }
  return words;
}

Result<std::vector<CensusRoot>> census_roots(const std::vector<std::string>& words) {
  std::vector<std::pair<std::string, std::vector<std::string>>> read;
  for (const auto& word : words)
    if (word.starts_with(census_root))
      read.push_back({word.substr(census_root.size()), {}});
    else if (word.starts_with(census_rule) && !read.empty())
      read.back().second.push_back(word.substr(census_rule.size()));
    else
      return fail(ErrorKind::invalid, word + " is neither --root= nor --rule= of one");
  std::vector<CensusRoot> roots;
  for (auto& [path, rules] : read)
    roots.push_back({.path = std::move(path), .patterns = Patterns::of_rules(rules)});
  return roots;
}

// ---- the primary's end

class CensusTaker::Work {
public:
  Work(std::vector<SummedTree> trees, int input, int output)
      : trees_(std::move(trees)), input_(input), output_(output) {}

  Result<Census> take_all() {
    std::vector<Place> folders; // the next one last
    for (auto root = trees_.size(); root-- > 0;)
      folders.push_back({static_cast<std::uint16_t>(root), ""});
    names_ = trees_.size();
    while (!folders.empty()) {
      const auto place = std::move(folders.back());
      folders.pop_back();
      TANDEM_TRY(const auto inside, look(place));
      for (const auto& name : inside)
        folders.push_back(place_in(place, name));
    }
    return finish();
  }

  Result<Census> take(const std::vector<Place>& folders) {
    for (const auto& place : folders)
      TANDEM_CHECK(look(place));
    return finish();
  }

  Result<std::optional<std::vector<Census::Difference>>> differences_in(const std::vector<Place>& folders) {
    for (const auto& place : folders) {
      TANDEM_TRY(const bool listed, list(place));
      if (!listed) return std::nullopt;
    }
    unsaid_ += encode(Mark{.number = 1});
    TANDEM_CHECK(say());
    std::vector<Census::Difference> found;
    for (;;) {
      TANDEM_TRY(const auto message, hear());
      if (const auto* want = std::get_if<Want>(&message)) {
        if (want->place.root >= trees_.size() || found.size() >= most_differences) return nonsense();
        found.push_back(
            {.place = want->place, .missing = want->deep, .extra = want->extra || others_.contains(want->place)});
        continue;
      }
      const auto* all = std::get_if<Compared>(&message);
      if (all == nullptr) return nonsense();
      if (all->groups > 0 || all->unlike > found.size()) return std::nullopt;
      return found;
    }
  }

private:
  // False: it is too large, or has gone meanwhile.
  Result<bool> list(const Place& place) {
    std::vector<system::NameSum> each;
    const auto& root = trees_.at(place.root);
    const auto sum = root.sum(place.path, &each);
    if (!sum && sum.error().kind == ErrorKind::not_found) return false;
    if (!sum) return std::unexpected(sum.error());
    Listing listing{.place = place};
    for (auto& one : each) {
      if (one.other) others_.insert(place_in(place, one.name));
      listing.entries.push_back({std::move(one.name), one.sum});
    }
    auto message = encode(listing);
    if (message.size() > most_in_a_listing) return false;
    unsaid_ += message;
    TANDEM_CHECK(say());
    return true;
  }

  // The folders in it. What is to be read there is said before it is read here, so that both do so at the same time.
  Result<std::vector<std::string>> look(const Place& place) {
    unsaid_ += encode(Look{place});
    TANDEM_CHECK(say());
    auto& root = trees_.at(place.root);
    auto sum = root.sum(place.path);
    const bool gone = !sum && sum.error().kind == ErrorKind::not_found && !place.path.empty();
    if (!sum && !gone) return std::unexpected(std::move(sum).error().within("looking at " + root.tree.path()));
    unsaid_ += encode(Looked{.there = !gone, .sum = gone ? Sum{} : sum->sum});
    if (gone) return std::vector<std::string>();
    root.note(place.path, *sum);
    names_ += sum->names;
    return std::move(sum->folders);
  }

  Result<Census> finish() {
    for (std::size_t root = 0; root < trees_.size(); ++root) {
      if (!trees_[root].tree.is_at_its_path()) return failed(trees_[root].tree.path() + " is another folder by now");
      unsaid_ += encode(Groups{.root = static_cast<std::uint16_t>(root), .sum = trees_[root].take_groups()});
    }
    unsaid_ += encode(Mark{.number = 1});
    TANDEM_CHECK(say());
    Census census{.names = names_};
    for (;;) {
      TANDEM_TRY(const auto message, hear());
      if (const auto* unlike = std::get_if<Unlike>(&message)) {
        if (unlike->place.root >= trees_.size() || census.places.size() >= most_unlike) return nonsense();
        census.places.push_back(unlike->place);
        continue;
      }
      const auto* all = std::get_if<Compared>(&message);
      if (all == nullptr || all->unlike < census.places.size()) return nonsense();
      census.unlike = all->unlike;
      census.groups = all->groups;
      return census;
    }
  }

  static std::unexpected<Error> nonsense() {
    return fail(ErrorKind::invalid, "the standby answers to what it was not asked");
  }

  Result<void> say() { return system::write_all(output_, std::exchange(unsaid_, {})); }

  Result<Message> hear() {
    for (;;) {
      TANDEM_TRY(auto message, reader_.next());
      if (message) return std::move(*message);
      TANDEM_TRY(const auto bytes, system::read_next(input_));
      if (!bytes) return fail(ErrorKind::unavailable, "the standby broke off");
      reader_.take(*bytes);
    }
  }

  std::vector<SummedTree> trees_;
  int input_;
  int output_;
  std::string unsaid_;
  std::uint64_t names_ = 0;
  std::set<Place> others_; // devices and the like, which no stream carries
  Reader reader_;
};

CensusTaker::CensusTaker(std::unique_ptr<Work> work) : work_(std::move(work)) {}

CensusTaker::~CensusTaker() = default;
CensusTaker::CensusTaker(CensusTaker&&) noexcept = default;

Result<CensusTaker> CensusTaker::open(const std::vector<CensusRoot>& roots, int input, int output) {
  TANDEM_TRY(auto trees, open_trees(roots));
  return CensusTaker(std::make_unique<Work>(std::move(trees), input, output));
}

Result<Census> CensusTaker::take_all() {
  return work_->take_all();
}

Result<Census> CensusTaker::take(const std::vector<Place>& folders) {
  return work_->take(folders);
}

Result<std::optional<std::vector<Census::Difference>>> CensusTaker::differences_in(const std::vector<Place>& folders) {
  return work_->differences_in(folders);
}

namespace {

using Differences = std::vector<Census::Difference>;

// What differs in these folders, and still does once the standby has what had changed until then: in a folder at work
// something is always on its way.
Result<std::optional<Differences>> lasting_differences(CensusTaker& taker, const std::vector<Place>& folders,
                                                       const std::function<Result<void>()>& flush) {
  TANDEM_TRY(auto first, taker.differences_in(folders));
  if (!first || std::ranges::none_of(*first, &Census::Difference::extra) || !flush()) return first;
  TANDEM_TRY(const auto second, taker.differences_in(folders));
  if (!second) return std::nullopt;
  std::set<Place> before;
  for (auto& one : *first)
    before.insert(std::move(one.place));
  Differences lasting;
  std::ranges::copy_if(*second, std::back_inserter(lasting),
                       [&](const Census::Difference& one) { return before.contains(one.place); });
  return lasting;
}

} // namespace

// Names that several files have in common are those of a whole root: of some folders nothing would follow.
Result<Census> take_census(CensusTaker& taker, const std::function<Result<void>()>& flush) {
  TANDEM_TRY(auto census, taker.take_all());
  for (int round = 1; round < most_rounds; ++round) {
    if (census.alike() || census.groups > 0 || census.unlike > census.places.size() || !flush()) break;
    const auto names = census.names;
    TANDEM_TRY(census, taker.take(census.places));
    census.names = names;
  }
  if (census.unlike > 0 && census.groups == 0 && census.unlike == census.places.size()) {
    TANDEM_TRY(census.differences, lasting_differences(taker, census.places, flush));
  }
  return census;
}

// ---- the standby's end

namespace {

class CensusAnswers {
public:
  explicit CensusAnswers(std::vector<SummedTree> trees) : trees_(std::move(trees)) {}

  // What is to be said to that. invalid: it is no word of a census.
  Result<std::string> take(const Message& message) {
    return std::visit(
        [this](const auto& value) -> Result<std::string> {
          if constexpr (requires { on(value); })
            return on(value);
          else
            return fail(ErrorKind::invalid, "no word of a census of files");
        },
        message);
  }

private:
  Result<std::string> on(const Look& look) {
    if (look.place.root >= trees_.size()) return fail(ErrorKind::invalid, "a census of an unknown folder");
    place_ = look.place;
    sum_ = trees_[place_.root].sum(place_.path);
    return std::string();
  }

  // What cannot be read here is unlike.
  Result<std::string> on(const Looked& looked) {
    if (!looked.there) return std::string();
    if (sum_) trees_[place_.root].note(place_.path, *sum_);
    if (sum_ && sum_->sum == looked.sum) return std::string();
    if (++compared_.unlike <= most_unlike) unlike_.push_back(place_);
    return std::string();
  }

  Result<std::string> on(const Groups& groups) {
    if (groups.root >= trees_.size()) return fail(ErrorKind::invalid, "a census of an unknown folder");
    if (trees_[groups.root].take_groups() != groups.sum) ++compared_.groups;
    return std::string();
  }

  // What is a folder here and none there would have to be removed first.
  Result<std::string> on(const Listing& listing) {
    const auto& place = listing.place;
    if (place.root >= trees_.size()) return fail(ErrorKind::invalid, "a census of an unknown folder");
    std::vector<system::NameSum> each;
    const auto sum = trees_[place.root].sum(place.path, &each);
    if (!sum && sum.error().kind != ErrorKind::not_found) ++compared_.groups; // nobody knows what differs
    std::map<std::string_view, std::uint64_t> theirs;
    for (const auto& entry : listing.entries)
      theirs[entry.name] = entry.digest;
    for (const auto& own : each) {
      const auto known = theirs.find(own.name);
      const bool extra = known == theirs.end() || own.other || (own.folder && !own.name.empty());
      if (known == theirs.end() || known->second != own.sum) want({.place = in(place, own.name), .extra = extra});
      if (known != theirs.end()) theirs.erase(known);
    }
    for (const auto& [name, digest] : theirs)
      want({.place = in(place, std::string(name)), .deep = true});
    return std::string();
  }

  static Place in(const Place& folder, const std::string& name) {
    return name.empty() ? folder : place_in(folder, name);
  }

  void want(Want want) {
    if (++compared_.unlike <= most_differences) wanted_.push_back(std::move(want));
  }

  Result<std::string> on(const Mark& /*mark*/) {
    std::string answer;
    for (const auto& tree : trees_)
      if (!tree.tree.is_at_its_path()) return failed(tree.tree.path() + " is another folder by now");
    for (auto& place : std::exchange(unlike_, {}))
      answer += encode(Unlike{std::move(place)});
    for (auto& want : std::exchange(wanted_, {}))
      answer += encode(want);
    return answer + encode(std::exchange(compared_, {}));
  }

  std::vector<SummedTree> trees_;
  Place place_;
  Result<FolderSum> sum_ = {};
  std::vector<Place> unlike_;
  std::vector<Want> wanted_;
  Compared compared_;
};

} // namespace

// Nothing is said before the end, so that no end waits for the other while that waits for it.
Result<void> answer_census(const std::vector<CensusRoot>& roots, int input, int output) {
  TANDEM_TRY(auto trees, open_trees(roots));
  CensusAnswers answers(std::move(trees));
  Reader reader;
  for (;;) {
    TANDEM_TRY(const auto bytes, system::read_next(input));
    if (!bytes) return {};
    TANDEM_CHECK(reader.take_each(*bytes, [&](const Message& message) -> Result<void> {
      TANDEM_TRY(const auto answer, answers.take(message));
      return system::write_all(output, answer);
    }));
  }
}

} // namespace tandem::replication
