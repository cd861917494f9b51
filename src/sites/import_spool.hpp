// The uploads of one site's import on this server, from the moment they are taken out of the inbox until they are
// imported or handed to another server. Each change of state is one rename, so that a crash leaves an upload in one
// state, whole. On a worker thread, one at a time for each site.
//
//   SPOOL/imports/DOMAIN/since               made when the import began, by `tandem apply`: what lay in the inbox
//   before
//                                            stays there
//                        taking/ID/NAME      being taken out of an inbox
//                        coming/ID/NAME      being received from another server
//                        waiting/ID/NAME, running/ID/NAME, failed/ID/NAME, each with .about
//                        gone/ID             about to be removed
//                        done/ID             what became of it
//                        upload.env, begun, cut, result   of the run under way (imports.hpp)
#pragma once
#include "sites/imports.hpp"
#include "sites/tools.hpp"
#include "system/files.hpp"
#include "system/uploads.hpp"

#include <functional>
#include <optional>

namespace tandem::sites {

struct Upload {
  std::string id;
  std::string name;
  std::string server; // that took it
  std::string inbox;  // the path at which it arrived there
  std::uint64_t size = 0;
  std::uint32_t interruptions = 0; // runs that may have done a part
  std::uint32_t attempts = 0;      // to start the command, in vain, since the latest of them
  std::string offered;             // the server that it was offered to, and that may have it since; empty: none
  std::string why;                 // it failed
  bool operator==(const Upload&) const = default;
};

enum class UploadState { waiting, running, failed };

// What became of one that is not here any more.
enum class UploadFate { imported, handed, dropped };

struct DoneUpload {
  Upload upload;
  UploadFate fate = UploadFate::imported;
  std::string to = {}; // handed: the server
  std::int64_t at = 0; // seconds since the epoch
};

class ImportSpool {
public:
  // `reader`: the owner and group that a command reads uploads by.
  ImportSpool(system::Files& files, system::Uploads& uploads, system::Clock& clock, std::string folder,
              system::Ownership reader)
      : files_(files), uploads_(uploads), clock_(clock), folder_(std::move(folder)), reader_(reader) {}

  // Makes the folders, and "since" where it is missing.
  Result<void> prepare();
  // Uploads that changed last before that are none of the import's, in nanoseconds since the epoch.
  Result<std::int64_t> since();

  // The import is none any more: what arrives from now on is not its own.
  Result<void> end_taking() { return files_.remove(folder_ + "/since"); }

  // ---- taking
  // Out of the inbox. It may take several calls of finish_taking() until it waits: as long as somebody writes to it.
  Result<void> take(const Upload& upload);
  Result<void> finish_taking();

  // ---- looking, in the order in which they were taken
  Result<std::vector<Upload>> list(UploadState state);
  // The latest of those that this server imported or dropped, looked for among some more of the latest.
  Result<std::vector<DoneUpload>> done(std::size_t most);
  // How many there are in each state but done, by its name; those alone of which there are any.
  Result<std::map<std::string, std::size_t>> count();
  // Whether it is here, or was and was imported or dropped by this server.
  Result<bool> knows(const std::string& id);
  Result<std::string> log(const std::string& id);

  // ---- running
  // Of one that waits; the unit may be started afterwards.
  Result<void> begin(const Upload& upload);
  // What the run under way came to, and where its upload goes then. One that cannot be begun again and again has
  // failed. `log`: what an invocation of the unit said; asked for when it failed.
  Result<ImportEnding> end(const Upload& upload, bool primary,
                           const std::function<std::string(const std::string& invocation)>& log);

  // ---- between servers
  // Remembers durably that this server may have it from now on.
  Result<void> offer(Upload upload, const std::string& server);
  // It is the other server's.
  Result<void> hand(const Upload& upload, const std::string& server);
  // It does not have it, or gave it back.
  Result<void> take_back(Upload upload);
  // The far side: the bytes from there on; the last part makes it one of the waiting.
  Result<void> receive(const Upload& upload, std::uint64_t offset, const std::string& bytes);
  // Asked by a server that had offered it to this one: gives it back unless it was begun here. Whether it may have it.
  Result<bool> give_back(const std::string& id, const std::string& server);

  // ---- by a person
  Result<void> retry(const std::string& id); // of one that failed
  // Of one that failed or waits. refused: another server may have it.
  Result<void> drop(const std::string& id);

  [[nodiscard]] std::string content(UploadState state, const Upload& upload) const; // its path

private:
  [[nodiscard]] std::string place(std::string_view state, const std::string& id) const;
  Result<void> write_about(const std::string& folder, const Upload& upload);
  Result<Upload> read_about(const std::string& folder, const std::string& id);
  Result<std::vector<std::string>> ids(std::string_view state);
  Result<bool> is_in(std::string_view state, const std::string& id);
  Result<void> settle_one(const std::string& id);
  Result<void> move(std::string_view from, std::string_view to, const std::string& id);
  Result<void> conclude(std::string_view from, const Upload& upload, UploadFate fate, const std::string& to = {});
  Result<void> discard(std::string_view from, const std::string& id);
  Result<ImportTraces> traces();
  Result<void> forget_old();

  system::Files& files_;
  system::Uploads& uploads_;
  system::Clock& clock_;
  const std::string folder_;
  const system::Ownership reader_;
};

} // namespace tandem::sites
