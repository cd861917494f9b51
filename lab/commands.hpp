// The command tandem-lab.
#pragma once
#include <string>
#include <vector>

namespace tandem::lab {

// Does what the arguments (without the program's name) say, writes to the terminal, and returns the exit status.
int main_command(const std::vector<std::string>& arguments);

} // namespace tandem::lab
