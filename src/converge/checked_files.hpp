// Files that their own program must accept before they stay ("nginx -t", "visudo -c -f {}").
#pragma once
#include "converge/actions.hpp"

namespace tandem::converge {

// Neighbouring files with one check, written together and put back together when the check fails.
class CheckedFiles {
public:
  CheckedFiles(ApplyContext& context, Ledger& ledger, Actions& actions)
      : context_(context), ledger_(ledger), actions_(actions) {}

  struct Candidate {
    File file;
    PathReading before;
  };

  // All candidates carry the same check. On an error nothing of them is live.
  Result<void> write(const std::vector<Candidate>& candidates);

private:
  Result<void> check_before(const Candidate& candidate);
  Result<void> check_live(const FileCheck& check);
  Result<void> put_back(const Candidate& candidate);

  ApplyContext& context_;
  Ledger& ledger_;
  Actions& actions_;
};

} // namespace tandem::converge
