// Random changes of two folders in a hurry: what a seed does can be done again.
#pragma once
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace tandem::trees {

namespace fs = std::filesystem;

// How many seeds are tried; more with TANDEM_SEEDS=200 in the environment.
inline unsigned seeds(unsigned usual) {
  const char* wanted = std::getenv("TANDEM_SEEDS");
  return wanted == nullptr ? usual : static_cast<unsigned>(std::strtoul(wanted, nullptr, 10));
}

// Random changes of a small world of names, so that they meet each other.
class Torture {
public:
  // `links`: some files get several names.
  Torture(std::string root, unsigned seed, bool links = true) : root_(std::move(root)), random_(seed), links_(links) {}

  void one() {
    std::error_code ignored;
    const auto path = any();
    switch (pick(16)) {
    case 0:
    case 1:
      fs::create_directories(path, ignored);
      break;
    case 2:
      fs::remove_all(path, ignored);
      break;
    case 3:
    case 4:
      fs::rename(path, any(), ignored);
      break;
    case 5:
      if (!fs::exists(fs::symlink_status(path, ignored))) fs::create_symlink("../" + name(), path, ignored);
      break;
    case 6:
      fs::permissions(path, static_cast<fs::perms>(0400U + pick(0377)), fs::perm_options::nofollow, ignored);
      break;
    case 7:
      own(path);
      break;
    case 8:
      ::lsetxattr(path.c_str(), "user.a", "value", pick(6), 0);
      break;
    case 9:
      fs::resize_file(path, pick(100'000), ignored);
      break;
    case 10:
      append(path);
      break;
    case 11:
      large(path);
      break;
    case 12:
      if (links_) link(path);
      break;
    default:
      std::ofstream(path) << std::string(pick(2000), static_cast<char>('a' + pick(26)));
    }
  }

  unsigned pick(unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random_); }

private:
  void own(const std::string& path) { [[maybe_unused]] const auto owned = ::lchown(path.c_str(), pick(3), pick(3)); }

  // Another name for a file: within one root, for a standby has each root's files for themselves.
  void link(const std::string& path) {
    const auto one_root = root_.size() + 4;
    std::error_code ignored;
    if (fs::is_regular_file(fs::symlink_status(path, ignored)))
      fs::create_hard_link(path, path.substr(0, one_root) + any().substr(one_root), ignored);
  }

  void append(const std::string& path) { std::ofstream(path, std::ios::app) << std::string(pick(1000), 'a'); }

  // Within what is there.
  void overwrite(const std::string& path) {
    std::error_code ignored;
    const auto size = fs::file_size(path, ignored);
    if (ignored || size < 2) return;
    std::fstream file(path, std::ios::in | std::ios::out);
    file.seekp(pick(static_cast<unsigned>(size)));
    file << std::string(pick(1000), 'o');
  }

  // Now one that becomes small, now one of parts that others have as well, in another order.
  void large(const std::string& path) {
    switch (pick(8)) {
    case 0:
      std::ofstream(path) << std::string(300'000 + pick(300'000), static_cast<char>('a' + pick(26)));
      break;
    case 1: {
      std::ofstream file(path);
      for (auto count = 4 + pick(6); count > 0; --count)
        file << part(pick(8));
      break;
    }
    default:
      overwrite(path);
    }
  }

  // Noise; the same each time.
  static const std::string& part(unsigned number) {
    static const auto parts = [] {
      std::vector<std::string> all(8);
      for (unsigned one = 0; one < all.size(); ++one) {
        std::mt19937 random(one);
        for (unsigned size = 90'000 + one; size > 0; --size)
          all[one].push_back(static_cast<char>(random()));
      }
      return all;
    }();
    return parts[number];
  }

  std::string name() {
    static const std::vector<std::string> names{"a", "b", "c", "d\n", "e e", "\xff\xfe", "g.left", "*"};
    return names[pick(static_cast<unsigned>(names.size()))];
  }

  std::string any() {
    auto path = root_ + (pick(2) == 0 ? "/one" : "/two");
    for (auto depth = 1 + pick(3); depth > 0; --depth)
      path += "/" + name();
    return path;
  }

  std::string root_;
  std::mt19937 random_;
  bool links_;
};

} // namespace tandem::trees
