// Puts back what was on the server before tandem changed it: see before.hpp.
#pragma once
#include "converge/apply.hpp"
#include "converge/before.hpp"

#include <functional>

namespace tandem::converge {

using Choice = std::function<bool(const Former& former)>;

// The latest first, those of the choice alone. What is tandem's own goes; what somebody has edited since is kept first;
// a folder that is not empty stays. Services that read it are told at the end, together with `more`; of one that is
// restarted no reload is asked before. What is put back is off the list: a run that was cut off is finished by the
// next.
// -> how much there was of it
Result<std::size_t> give_back(ApplyContext& context, const Choice& choice, const std::set<Reaction>& more = {});

// Whether any of the choice is noted.
Result<bool> has_former(system::Files& files, const std::string& state_folder, const Choice& choice);

} // namespace tandem::converge
