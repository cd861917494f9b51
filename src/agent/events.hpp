// What a person should look at some day: data that this server kept before it was written over. Listed by `tandem
// events` until it is acknowledged; nothing of it is removed before.
#pragma once
#include "agent/agent.hpp"

namespace tandem::agent {

struct Event {
  std::uint64_t number = 0;       // counts this server's events from 1, never used twice
  std::string time;               // UTC, as a person reads it
  std::string text;               // what happened, a sentence
  std::vector<std::string> paths; // what is kept, absolute
  bool operator==(const Event&) const = default;
};

// This server's, in its state folder. Any thread; one at a time in a process.
class Events {
public:
  Events(system::Files& files, std::string state_folder)
      : files_(files), path_(std::move(state_folder) + "/events.json") {}

  Result<std::vector<Event>> list();
  // One with the same paths is there already: nothing is added, so that work which is done again tells it once.
  Result<void> add(const std::string& time, const std::string& text, const std::vector<std::string>& paths);
  // not_found: there is none of that number.
  Result<Event> find(std::uint64_t number);
  // Removes what was kept, and the event. not_found: there is none of that number.
  Result<Event> acknowledge(std::uint64_t number);

private:
  struct Kept {
    std::uint64_t last = 0;
    std::vector<Event> events;
  };

  Result<Kept> load();
  Result<void> store(const Kept& kept);

  system::Files& files_;
  std::string path_;
};

// "events": {"list"} of all servers -> {"servers": [{"name", "events": […]} or {"name", "problem"}]}; with
// {"acknowledge": number} or {"show": number}, on this server: the event, of the latter with {"kept": [{"path", "kind",
// "files": n, "bytes": n, "first": [{"path", "size", "modified"}]}]}. Between agents "server.events": this one's.
Operation events_operation();
Operation server_events_operation();

} // namespace tandem::agent
