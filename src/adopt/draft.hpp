// A tandem.toml in the making, and what is to be told of it.
#pragma once
#include "adopt/found.hpp"
#include "model/by_hand.hpp"
#include "model/pair.hpp"

namespace tandem::adopt {

// Something on the server that a person has to know of.
struct Remark {
  std::string file;
  std::size_t line = 0; // 0: all of it
  std::string text;     // what it is, and what to do about it
  bool operator==(const Remark&) const = default;
};

// What the operator says beside what can be read.
struct Wishes {
  std::string address;         // of this server, where it has several; "" : the only one
  std::string standby_name;    // "": as found
  std::string standby_address; // "": as found
  std::string admin_mail;      // "": as found
};

struct Draft {
  model::Pair pair;
  std::map<std::string, std::string> secrets; // path relative to the file's folder -> content
  std::vector<Remark> strange;                // could not be understood
  std::vector<Remark> replaced;               // understood: tandem does it from then on, and the old way has to end
  model::ByHand by_hand;                      // that old way, for an apply to go on with and to end

  void cannot_tell(std::string file, std::size_t line, std::string text);
  void replaces(std::string file, std::size_t line, std::string text);
};

// Each adds its part of the pair, in this order.
void draft_host(Draft& draft, const Found& found);
void draft_people(Draft& draft, const Found& found);
void draft_database(Draft& draft, const Found& found);
void draft_sites(Draft& draft, const Found& found);
void draft_work(Draft& draft, const Found& found, const Wishes& wishes);
void draft_servers(Draft& draft, const Found& found, const Wishes& wishes);

// Whether that host, as a command names it, is the pair's other server: by what the operator says, else by who may
// follow this one's PostgreSQL. Where neither says anything no host is: it may be a place for backups.
[[nodiscard]] bool is_other_server(const Found& found, const Wishes& wishes, const std::string& host);
[[nodiscard]] std::string host_of_rsync(const std::string& command);

// NAME of "NAME@…" and of "…/NAME".
[[nodiscard]] std::string last_part(const std::string& path);
// Without a slash at its end.
[[nodiscard]] std::string without_slash(std::string path);

} // namespace tandem::adopt
