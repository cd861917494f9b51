// What was on the server before tandem first changed it, so that a server that was set up by hand can be given back.
// Lies in STATE/before.json, versioned, replaced atomically before each first change of a thing. What is there once
// stays as it is: it is about the time before tandem, not about the time before the latest apply.
#pragma once
#include "base/result.hpp"
#include "converge/resource.hpp"
#include "system/accounts.hpp"
#include "system/files.hpp"

#include <map>

namespace tandem::converge {

// What lay at a path.
struct PathBefore {
  std::string path;
  std::optional<system::FileStatus> was; // nullopt: nothing
  std::string kept;                      // a file's copy; "": its content was not changed
};

struct UnitBefore {
  std::string name;
  std::optional<bool> enabled; // nullopt: it was neither
  bool running = false;
};

// Of a user that was there.
struct UserBefore {
  std::string name;
  std::string shell;
  std::string group;               // the primary one
  std::string password;            // its field of /etc/shadow; "": tandem has set none
  std::vector<std::string> joined; // groups that it was not in
};

struct DatabaseBefore {
  std::string name;
  std::string owner;
  bool open_to_all = false;
};

struct RoleBefore {
  std::string name;
  bool login = false;
  bool replication = false;
};

using Thing = std::variant<PathBefore, UnitBefore, UserBefore, DatabaseBefore, RoleBefore>;

struct Former {
  std::string id; // of the resource that changed it
  Thing thing;
  std::vector<Reaction> reactions = {}; // what is told of it when it changes
};

class Before {
public:
  // `wanted`: it is made when there is none. Without one nothing is noted.
  Before(const std::string& state_folder, bool wanted) : path_(state_folder + "/before.json"), wanted_(wanted) {}

  Result<void> load(system::Files& files);

  [[nodiscard]] bool notes() const { return wanted_; }

  // What a resource's change is told to: for the note that may follow.
  void expect(const Resource& resource);
  [[nodiscard]] bool has(const std::string& id) const;
  // Nothing to do for what is noted already. Durable when it returns.
  Result<void> note(system::Files& files, const std::string& id, Thing thing);

  // In the order in which they were changed.
  [[nodiscard]] const std::vector<Former>& things() const { return things_; }

  // It is as it was. The file goes with the last one.
  Result<void> put_back(system::Files& files, const std::string& id);

private:
  Result<void> save(system::Files& files) const;

  std::string path_;
  bool wanted_;
  std::map<std::string, std::vector<Reaction>> expected_;
  std::vector<Former> things_;
};

} // namespace tandem::converge
