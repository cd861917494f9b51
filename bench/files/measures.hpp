// What is measured of a mirror while it runs.
#pragma once
#include "common/results.hpp"
#include "files/mirrors.hpp"
#include "files/tree.hpp"

#include <map>

namespace tandem::bench {

class Measures {
public:
  Measures(lab::Lab& lab, Sides sides) : lab_(lab), sides_(std::move(sides)) {}

  // From the start to the first new file that comes. It runs from then on.
  Result<void> start(const Mirror& mirror, const std::string& tree);
  // One file in a tree is written over, and the next one when it has come.
  Result<void> latency(const Mirror& mirror, const std::string& tree, int folders);
  // 10,000 new files in one folder, from the first write on; then the folder gets another name.
  Result<void> burst_and_rename(const Mirror& mirror);
  // 200 writes a second for a minute; what they cost both servers and the wire.
  Result<void> steady(const Mirror& mirror, const std::string& tree, int folders);
  // 1 GB, and small files meanwhile.
  Result<void> large(const Mirror& mirror);
  // Half a minute with nothing to do.
  Result<void> idle(const Mirror& mirror, const std::string& tree);
  // The most that it has had since its start.
  Result<void> peak(const Mirror& mirror, const std::string& tree);

  // What a command takes that does a piece of the same work once.
  Result<void> command(const std::string& what, const std::string& system, const std::string& script);

  [[nodiscard]] const std::vector<Series>& all() const { return all_; }

  [[nodiscard]] const Sides& sides() const { return sides_; }

private:
  struct Cost {
    double processor_seconds = 0; // of both servers, all that runs there
    double sent = 0;              // bytes from uno
  };

  Result<Cost> cost();
  Result<void> memory(const Mirror& mirror, const std::string& what, const std::string& field);
  void add(const std::string& what, const std::string& system, const std::string& unit, double value);
  Result<void> large_changed(const Mirror& mirror, const std::string& name);
  Result<std::size_t> unequal(const std::string& tree, int folders, int files);

  [[nodiscard]] std::string fresh(const std::string& name) { return name + "-" + std::to_string(++fresh_); }

  lab::Lab& lab_;
  Sides sides_;
  std::vector<Series> all_;
  int fresh_ = 0;
};

} // namespace tandem::bench
