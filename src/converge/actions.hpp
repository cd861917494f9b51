// Makes one resource true. Each action is idempotent and durable when it returns.
#pragma once
#include "converge/apply.hpp"
#include "converge/before.hpp"

namespace tandem::converge {

// Of PostgreSQL. Identifiers come from validated configuration; quoting keeps even odd ones harmless.
[[nodiscard]] std::string quoted(const std::string& identifier);

class Actions {
public:
  Actions(ApplyContext& context, Ledger& ledger, Before& before, Reader& reader)
      : context_(context), ledger_(ledger), before_(before), reader_(reader) {}

  // The reading is the one from which the change was found. Files with a check go through CheckedFiles instead.
  Result<void> make(const Kind& kind, const Reading& actual);

  // Writes a file's content, mode and owner; what a person or Debian had there is kept first. The ledger expects the
  // content then; that it is there to stay is for the caller to settle.
  Result<void> write_file(const File& file, const PathReading& actual);
  // Copies what lies at the path into the folder of kept files and says where. -> the copy's path; "": nothing was
  // there
  Result<std::string> keep(const std::string& path);
  Result<system::Ownership> ownership(const std::string& owner, const std::string& group);

private:
  Result<void> make_one(const PackageSet& packages, const Reading& actual);
  Result<void> make_one(const Group& group, const Reading& actual);
  Result<void> make_one(const User& user, const Reading& actual);
  Result<void> make_one(const Folder& folder, const Reading& actual);
  Result<void> make_one(const File& file, const Reading& actual);
  Result<void> make_one(const Absent& absent, const Reading& actual);
  Result<void> make_one(const Link& link, const Reading& actual);
  Result<void> make_one(const Unit& unit, const Reading& actual);
  Result<void> make_one(const DatabaseRole& role, const Reading& actual);
  Result<void> make_one(const Database& database, const Reading& actual);
  Result<void> make_one(const ReplicationSlot& slot, const Reading& actual);
  Result<void> make_one(const DatabaseGrant& grant, const Reading& actual);
  Result<void> make_one(const DatabaseRestart& restart, const Reading& actual);
  Result<void> make_one(const Certificate& certificate, const Reading& actual);
  Result<void> stop_gently(const std::string& unit);
  // Before anything about it is changed.
  Result<void> note(const Kind& kind, Thing thing);
  Result<void> set_access(const std::string& path, std::uint32_t mode, system::Ownership owner);
  Result<void> sql(const std::string& database, const std::string& statement);

  ApplyContext& context_;
  Ledger& ledger_;
  Before& before_;
  Reader& reader_;
};

} // namespace tandem::converge
