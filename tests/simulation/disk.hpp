// A server's disk that can lose its power at any durable operation: before it, after it, or in its middle.
#pragma once
#include "simulation/memory_files.hpp"
#include "simulation/random.hpp"

namespace tandem::testing {

struct PowerCut {}; // thrown through the code under test; all that is not on the disk is gone then

// Counts points at which the power may go. Off until armed.
class Power {
public:
  void cut_after(std::uint64_t points) { left_ = points; }

  void never() { left_.reset(); }

  [[nodiscard]] bool armed() const { return left_.has_value(); }

  void point() {
    if (!left_) return;
    if (*left_ == 0) {
      left_.reset();
      throw PowerCut{};
    }
    --*left_;
  }

  // As point(), for an operation that can be cut in its middle.
  [[nodiscard]] bool cut_within() {
    if (!left_ || *left_ != 0) return false;
    left_.reset();
    return true;
  }

private:
  std::optional<std::uint64_t> left_;
};

class Disk final : public system::Files {
public:
  Power power;
  bool forgetful = false; // a planted fault: a power cut takes the last write with it, as without fsync

  MemoryFiles files;

  void lose_power() {
    if (forgetful && before_) files.contents[before_->first] = before_->second;
    before_.reset();
  }

  Result<std::optional<system::FileStatus>> status(const std::string& path) override { return files.status(path); }

  Result<std::string> read(const std::string& path) override { return files.read(path); }

  Result<std::vector<std::string>> list(const std::string& path) override { return files.list(path); }

  Result<void> write(const std::string& path, const std::string& content, std::uint32_t mode,
                     system::Ownership owner) override {
    power.point();
    if (forgetful && files.contents.contains(path)) before_ = {path, files.contents[path]};
    auto written = files.write(path, content, mode, owner);
    power.point();
    return written;
  }

  Result<void> append(const std::string& path, const std::string& content) override {
    power.point();
    if (power.cut_within()) {
      files.contents[path] += content.substr(0, content.size() / 2);
      throw PowerCut{};
    }
    auto appended = files.append(path, content);
    power.point();
    return appended;
  }

  Result<void> make_folder(const std::string&, std::uint32_t, system::Ownership) override { return {}; }

  Result<void> make_link(const std::string& path, const std::string& target) override {
    return files.make_link(path, target);
  }

  Result<void> set_mode(const std::string& path, std::uint32_t mode) override { return files.set_mode(path, mode); }

  Result<void> set_owner(const std::string& path, system::Ownership owner) override {
    return files.set_owner(path, owner);
  }

  Result<void> rename(const std::string& from, const std::string& to) override { return files.rename(from, to); }

  Result<void> remove(const std::string& path) override {
    power.point();
    auto removed = files.remove(path);
    power.point();
    return removed;
  }

  Result<void> remove_tree(const std::string& path) override { return files.remove_tree(path); }

private:
  std::optional<std::pair<std::string, std::string>> before_;
};

} // namespace tandem::testing
