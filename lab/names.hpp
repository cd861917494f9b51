// Where everything of one lab lies. All of it follows from the lab's name alone, so `down` finds what an interrupted
// `up` had begun without any record of it.
#pragma once
#include "base/result.hpp"

#include <array>
#include <string>
#include <string_view>

namespace tandem::lab {

struct Host {
  std::string_view name;
  std::string_view address;
  bool bare = true; // Debian and nothing that tandem should install; else the outside world
};

// uno and duo become a pair; tre is the outside world: git server, clients, and all that is no server of the pair.
inline constexpr std::array<Host, 3> hosts{
    {{"uno", "10.77.0.11", true}, {"duo", "10.77.0.12", true}, {"tre", "10.77.0.13", false}}};
inline constexpr std::string_view machine_address = "10.77.0.1"; // the lab machine itself, on the lab's bridge
inline constexpr std::string_view bridge = "lab0";

// The host of this name; not_found says which there are.
Result<Host> find_host(std::string_view name);

class Names {
public:
  // Letters, digits and "-", at most 24 characters; invalid otherwise.
  static Result<Names> of(const std::string& lab);

  [[nodiscard]] const std::string& lab() const { return lab_; }

  [[nodiscard]] std::string folder() const;     // all files of the lab
  [[nodiscard]] std::string state_file() const; // written when a lab is complete
  [[nodiscard]] std::string lock_file() const;
  [[nodiscard]] std::string key_file() const; // private ed25519 key of tre's root; ".pub" beside it
  [[nodiscard]] std::string snapshot(const std::string& name) const;
  [[nodiscard]] std::string host_folder(std::string_view host) const; // upper, work, merged, www, console.log
  [[nodiscard]] std::string network() const;                          // of the network namespace
  [[nodiscard]] std::string network_file() const;
  [[nodiscard]] std::string cgroup() const; // below each hierarchy's root; hosts lie below it
  [[nodiscard]] std::string cgroup(std::string_view host) const;
  static std::string port(std::string_view host); // the host's port on the bridge

  static std::string all_labs(); // the folder that holds the folders of all labs

private:
  explicit Names(std::string lab) : lab_(std::move(lab)) {}

  std::string lab_;
};

} // namespace tandem::lab
