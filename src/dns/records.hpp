// The records that lead visitors to a server: what they say, and what is to change. Pure.
#pragma once
#include "model/pair.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tandem::dns {

// What a name server says of a name.
struct Records {
  std::set<std::string> a;
  std::set<std::string> aaaa;
  std::string cname;     // it is another name for this one; empty: it is not
  std::string zone;      // in which it lies
  std::uint32_t ttl = 0; // seconds that a resolver may go on with what it has heard

  bool operator==(const Records&) const = default;
};

// Lines of a name server's answer as dig prints them ("name ttl IN type value"), about this name.
Records parse_answer(const std::string& name, const std::string& text);

// The records that name a server of the pair.
struct Addresses {
  std::set<std::string> a;
  std::set<std::string> aaaa;
  bool operator==(const Addresses&) const = default;
};

[[nodiscard]] Addresses addresses_of(const model::Server& server);
[[nodiscard]] Addresses addresses_of(const model::Pair& pair); // of all its servers

// Changes what a name says; the old value is what must still be there.
struct Change {
  std::string name;
  std::string zone;
  Addresses from;
  Addresses to;
  std::uint32_t old_ttl = 0;
  bool operator==(const Change&) const = default;
};

struct Verdict {
  std::optional<Change> change; // none: it is right, or not ours to change
  std::string strange;          // why it is not ours to change; empty otherwise
};

// What a name's records are to become, so that it leads to that server. Only what leads to servers of the pair is
// changed; an alias follows the name that it stands for.
Verdict judge(const std::string& name, const Records& now, const model::Pair& pair, const model::Server& primary);

// The names of all sites, in the order of their importance.
[[nodiscard]] std::vector<std::string> names_of(const model::Pair& pair);

// "shop.example A 192.0.2.11 -> 192.0.2.12"
[[nodiscard]] std::string to_text(const Change& change);

// What nsupdate reads (nsupdate(1)): all of it happens, or nothing.
[[nodiscard]] std::string update_script(const std::string& server, const Change& change, std::uint32_t ttl);
// What a person types for it, in one line of shell; nsupdate finds the zone by itself.
[[nodiscard]] std::string update_command(const std::string& server, const Change& change, std::uint32_t ttl);

} // namespace tandem::dns
