// What a server remembers of its time before tandem and of its way back there: small files of state, each a word a
// line.
#pragma once
#include "system/files.hpp"

#include <string>

namespace tandem::agent {

class GiveBackMark {
public:
  GiveBackMark(system::Files& files, const std::string& state_folder)
      : files_(files), path_(state_folder + "/giving-back"), role_(state_folder + "/role-by-hand"),
        given_up_(state_folder + "/way-back-given-up"), before_(state_folder + "/before.json") {}

  // The way back has begun, and nothing of it is to be asked again.
  static constexpr auto* begun = "begun";
  // The role asks for nothing here any more: neither PostgreSQL, applications nor work are started or stopped by it.
  static constexpr auto* no_duty = "no duty";

  // All that PostgreSQL had to be asked is done: from here on its access rules may be those of then, by which the agent
  // is a stranger.
  static constexpr auto* nothing_to_ask = "nothing to ask";

  // That standby has all that it had by hand.
  [[nodiscard]] static std::string done(const std::string& standby) { return "done " + standby; }

  [[nodiscard]] Result<bool> says(const std::string& word) const;
  Result<void> add(const std::string& word);
  Result<void> remove();

  // What the server was by hand. The first answer stays, since roles change later.
  Result<void> note_role(bool primary);
  // "primary", "standby", "": it was not noted.
  [[nodiscard]] Result<std::string> role_by_hand() const;

  // This server stays with tandem: there is no way back, and nothing is noted for one. What was noted is kept beside
  // it.
  Result<void> give_up();
  [[nodiscard]] Result<bool> given_up() const;
  // Something was noted, or its role was, and that was not given up.
  [[nodiscard]] Result<bool> leads_back() const;

private:
  [[nodiscard]] Result<std::string> text_of(const std::string& path) const;

  system::Files& files_;
  std::string path_;
  std::string role_;
  std::string given_up_;
  std::string before_; // converge/before.hpp
};

} // namespace tandem::agent
