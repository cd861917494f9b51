// What the values must be to each other: names that stand twice, users that are none, limits that cross.
// Reads the pair as far as it could be filled, so that these problems are named beside the others.
#pragma once
#include "config/problems.hpp"

namespace tandem::config {

struct Checked {
  const model::Pair& pair;
  const Places& places;
  Problems& problems;

  void report(const std::string& place, std::string problem, std::string expected) const {
    problems.add(places.at(place), std::move(problem), std::move(expected));
  }
};

// Remembers the first line of every name and reports the later ones.
class Once {
public:
  explicit Once(const Checked& checked) : checked_(checked) {}

  // `kind` as in "the uid 1000 stands twice". Empty names are left out: they have a problem of their own.
  void see(const std::string& kind, const std::string& name, const std::string& place);

private:
  const Checked& checked_;
  std::unordered_map<std::string, std::string> places_;
};

void check_servers(const Checked& checked);
void check_users(const Checked& checked);
void check_files(const Checked& checked);
void check_role(const Checked& checked);
void check_dns(const Checked& checked);
void check_sites(const Checked& checked); // names and databases across all of them
void check_each_site(const Checked& checked);

} // namespace tandem::config
