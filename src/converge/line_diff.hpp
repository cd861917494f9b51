// The difference of two texts as lines, for people.
#pragma once
#include <string>
#include <vector>

namespace tandem::converge {

// "- old line" and "+ new line" in order, unchanged lines left out; cut after `limit` lines with a count of the rest.
std::vector<std::string> line_diff(const std::string& before, const std::string& after, std::size_t limit = 40);

} // namespace tandem::converge
