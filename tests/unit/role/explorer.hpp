// Walks all states that a small pair can reach over the real transition(): messages delayed, doubled, lost and
// reordered, crashes and starts at any point, an operator whose word that a server is off is true.
// Looks for two servers that serve. Roles, messages and transitions are numbered, so that a state is two words.
#pragma once
#include "role/rules.hpp"

#include <array>
#include <unordered_map>

namespace tandem::role::testing {

struct Bounds {
  int servers = 2;
  Epoch highest_epoch = 3;
  int crashes = 1;          // power cuts and agent restarts together
  int commands = 2;         // grants and failovers
  std::size_t messages = 3; // under way at once; a step beyond is not followed
  std::size_t states = 2'000'000;
};

struct Findings {
  std::size_t states = 0;
  bool complete = false;              // every state within the bounds was seen
  std::vector<std::string> violation; // the steps to two servers that serve; empty: none
  std::set<std::string_view> rows;    // the rules that were used
  std::vector<std::string> wrong;     // rules that led where their row does not say
};

class Explorer {
public:
  Explorer(Bounds bounds, Policy policy);
  Findings run();

private:
  static constexpr std::size_t max_servers = 3;
  static constexpr std::size_t max_messages = 4;

  struct State {
    std::array<std::uint16_t, max_servers> role{};
    std::array<std::uint16_t, max_messages> message{}; // sorted; 0 is none
    std::uint8_t up = 0;                               // a bit a server
    std::uint8_t crashes = 0;
    std::uint8_t commands = 0;
    bool operator==(const State&) const = default;
  };

  struct Hash {
    std::size_t operator()(const State& state) const;
  };

  struct Effect {
    std::uint16_t role = 0;
    std::vector<std::uint16_t> messages;
  };

  struct Step {
    std::uint32_t from = 0;
    std::uint32_t event = 0; // number of the event; 0: a crash or a lost message
    std::uint8_t server = 0;
  };

  void number_events();
  std::uint16_t role_number(const Role& role);
  std::uint16_t crashed(std::uint16_t role);
  std::uint16_t message_number(const Message& message);
  std::uint32_t event_number(const Event& event);
  const Effect& effect(int server, std::uint16_t role, std::uint32_t event);
  State first_state();

  [[nodiscard]] bool is_up(const State& state, int server) const { return (state.up >> server & 1) != 0; }

  void apply(State state, int server, std::uint32_t event);
  void reach(const State& state, int server, std::uint32_t event);
  void expand_server(const State& state, int server);
  void expand_commands(const State& state, int server);
  void expand_message(const State& state, std::size_t place);
  [[nodiscard]] bool two_serve(const State& state) const;
  std::vector<std::string> path_to(std::uint32_t index) const;

  Bounds bounds_;
  Policy policy_;
  std::vector<Members> members_;
  std::vector<Role> roles_;
  std::vector<Message> messages_;
  std::vector<Event> events_;
  std::vector<std::vector<std::uint32_t>> delivery_; // message -> event
  std::map<std::string, std::uint16_t> role_numbers_;
  std::map<Message, std::uint16_t> message_numbers_;
  std::map<std::string, std::uint32_t> event_numbers_;
  std::vector<std::uint16_t> crashed_; // role -> the same without its session; 0xFFFF: not known yet
  std::uint32_t boot_ = 0, restart_ = 0, repeat_ = 0, take_back_ = 0, give_up_ = 0;
  std::vector<std::vector<std::uint32_t>> grants_;    // of each server, one a target
  std::vector<std::vector<std::uint32_t>> failovers_; // by the servers that are up: each as the operator may word it
  std::unordered_map<std::uint64_t, Effect> effects_;
  std::unordered_map<State, std::uint32_t, Hash> seen_;
  std::vector<State> states_;
  std::vector<Step> steps_;
  std::uint32_t current_ = 0;
  Findings findings_;
};

} // namespace tandem::role::testing
