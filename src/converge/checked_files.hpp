// Files that their own program must accept before they stay ("nginx -t", "visudo -c -f {}").
#pragma once
#include "converge/actions.hpp"

namespace tandem::converge {

// Neighbouring files with one check, written together and put back together when the check fails.
class CheckedFiles {
public:
  CheckedFiles(ApplyContext& context, Actions& actions, Ledger& ledger)
      : context_(context), actions_(actions), ledger_(ledger) {}

  struct Candidate {
    File file;
    PathReading before;
    Change change;
  };

  // All candidates carry the same check. On an error nothing of them is live, but for a halt that ended the apply.
  // That they are there to stay is for the caller to settle.
  Result<void> write(const std::vector<Candidate>& candidates);
  // For files that an apply wrote which was cut off before their check: is what is live accepted?
  Result<void> check_again(const FileCheck& check);

private:
  Result<void> check_before(const Candidate& candidate);
  Result<void> check_live(const FileCheck& check);
  Result<void> put_back(const Candidate& candidate);

  ApplyContext& context_;
  Actions& actions_;
  Ledger& ledger_;
};

} // namespace tandem::converge
