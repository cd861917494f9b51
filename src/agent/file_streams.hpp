// The file streams of this server while it is the primary: one to each standby that is connected, kept up for as long
// as both are what they are. A comparison of all files comes first; from then on changes are there at once.
#pragma once
#include "agent/operations/replication.hpp"
#include "replication/files/live.hpp"

namespace tandem::agent {

class FileStreams : public std::enable_shared_from_this<FileStreams> {
public:
  explicit FileStreams(std::shared_ptr<FilesLedger> ledger) : ledger_(std::move(ledger)) {}

  // Once this server is a member; on the loop, for as long as that turns.
  void start(Agent& agent);

  // Any thread: what is streamed to that server waits for as long as the returned one lives, and what was sent is on
  // its disk; none is begun meanwhile.
  // unavailable: that server does not answer, and may still be writing.
  Result<std::shared_ptr<void>> hold(const std::string& server);
  // Any thread; see LiveStream::flush.
  Result<void> flush(const std::string& server, std::chrono::milliseconds limit);

  // Any thread. What a census has found is sent, and is there when it returns `now`; `later`: when the stream begins,
  // which is said once until one has brought something there. unavailable: nothing is sent, or not within a minute.
  Result<FilesLedger::Sends> send(const std::string& server,
                                  const std::vector<replication::Census::Difference>& differences, bool may_be_later);

  // Any thread; nullptr: there is none.
  [[nodiscard]] std::shared_ptr<replication::LiveStream> live(const std::string& server) {
    return stream_to(server).stream;
  }

private:
  using Time = std::chrono::steady_clock::time_point;

  struct Standby {
    std::shared_ptr<replication::LiveStream> stream;
    std::vector<std::string> made_for;   // what it was made with: folders and patterns
    double guard = 0;                    // the same: [files] deletion_guard
    std::optional<Time> watching;        // since when nothing escapes it
    std::weak_ptr<peer::Connection> far; // to the receiver
    std::uint64_t count = 0;             // of the ledger's, what it removes goes to
    bool told_live = false;              // that it has everything and goes on
    bool opening = false;                // the connection for it
    Time next_word = {};                 // to the standby: how far its files are complete
    Time not_before = {};                // the next attempt after one that ended
    std::chrono::seconds pause{1};       // before that
    std::string problem = {};            // that was logged
  };

  void turn(Agent& agent);
  void wait(Agent& agent);
  void mind(Agent& agent, const model::Pair& pair, const std::string& server, Standby& standby);
  void begin(Agent& agent, const model::Pair& pair, Standby& standby);
  void open(Agent& agent, const std::string& server);
  void end(Agent& agent, const std::string& server, Standby& standby);
  static void give_up(Standby& standby);
  void tell(Agent& agent, const std::string& server, Standby& standby, const replication::LiveState& state);
  void note_removed(const std::string& server, std::uint64_t count, const replication::LiveState& state);

  struct Counted {
    std::shared_ptr<replication::LiveStream> stream;
    std::uint64_t count = 0;
  };

  void could_not_open(Agent& agent, const std::string& server, Standby& standby, const std::string& why);
  [[nodiscard]] bool is_held(const std::string& server);
  bool note_failure(const std::string& server);
  [[nodiscard]] Counted stream_to(const std::string& server);

  std::shared_ptr<FilesLedger> ledger_;
  Agent* agent_ = nullptr;                  // once it has started
  std::map<std::string, Standby> standbys_; // on the loop
  peer::Timer timer_;
  std::mutex mutex_;
  std::map<std::string, int> held_;        // guarded by mutex_: by how many comparisons
  std::map<std::string, Counted> streams_; // guarded by mutex_: the same
  std::set<std::string> promised_;         // the same: servers to which something is to be sent later
  std::map<std::string, int> failures_;    // the same: connections that failed since a stream last brought something
};

// What the primary's stream gets here: the receiver's program.
Result<system::Command> accept_file_stream(Agent& agent, const std::string& server, const Json& params);

// {"limit_s"?, "server"?}: on the primary: returns when all that was closed before is on the disks of the connected
// standbys, or of that one.
// -> {"servers": [name]}
Operation files_flush_operation(std::shared_ptr<FileStreams> streams);

} // namespace tandem::agent
