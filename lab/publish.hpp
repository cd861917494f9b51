// A folder of this machine as a git repository of the lab's outside world.
#pragma once
#include "lab/lab.hpp"

namespace tandem::lab {

// Its content as one commit on the branch main of http://tre/git/NAME.git, which is made anew.
Result<void> publish(Lab& lab, const std::string& folder, const std::string& name);

} // namespace tandem::lab
