// Keeps the sites' imports: every server takes finished uploads out of its inboxes; the primary runs the site's command
// for each, one at a time, and a standby hands what it has to the primary.
#pragma once
#include "agent/duty_keeper.hpp"
#include "agent/recurring.hpp"
#include "sites/import_spool.hpp"

namespace tandem::agent {

class ImportKeeper : public std::enable_shared_from_this<ImportKeeper> {
public:
  // This server is a member and its keeper has started. On the loop; both must outlive the loop's turning.
  void start(Agent& agent, DutyKeeper& duties);

  // "imports" of a server's status, and its problems, by the latest look.
  void add_status(const OperationContext& context, Json& status);

  // ---- worker thread
  // A part of an upload of another server's. -> {"known"}: it need not be sent.
  Result<Json> receive(OperationContext& context);
  // A server asks for one back that it had offered to this one. -> {"yours"}
  Result<Json> give_back(OperationContext& context);
  // A person's {"retry"}, {"drop"} or {"log"}: an id. Asks the other servers about one that is not here.
  Result<Json> decide(OperationContext& context);

private:
  struct Seen {
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;
    std::chrono::nanoseconds since{0}; // by the clock since the boot
    std::uint64_t look = 0;            // the latest that found it there
  };

  struct Look {
    Json imports = Json::array();
    std::vector<std::string> problems;
  };

  struct Site; // what one look at one site's import works with

  void work(Agent& agent, DutyKeeper& duties);
  void look_after(const Site& site, DutyKeeper::Part part);
  Result<void> take_in(const Site& site);
  Result<void> take_from(const Site& site, const std::string& inbox);
  std::optional<sites::Upload> finished(const Site& site, const std::string& inbox, const std::string& name,
                                        std::int64_t since);
  bool is_settled(const Site& site, const std::string& path, const system::FileStatus& status);
  static Result<void> collect(Agent& agent, const std::string& domain, sites::ImportSpool& spool, bool primary);
  Result<void> begin_next(const Site& site);
  Result<void> begin(const Site& site, const sites::Upload& upload);
  Result<void> hand_over(const Site& site);
  Result<void> hand_one(const Site& site, const sites::Upload& upload, const std::string& primary);
  Result<void> send(const Site& site, const sites::Upload& upload, const std::string& primary);
  // Whether this server alone has it: asks the one that it was offered to.
  Result<bool> is_ours(const Site& site, const sites::Upload& upload);
  void describe_import(const Site& site);
  // Of an import that has left tandem.toml.
  void find_left_over(Agent& agent, const model::Pair& pair, Look& look);
  Result<Json> decide_here(OperationContext& context, const std::string& what, const std::string& id);

  std::mutex spool_;                 // held for each access to a spool, never while another server is asked
  std::map<std::string, Seen> seen_; // by path; the look's alone, as are the next two
  std::uint64_t looks_ = 0;
  std::uint64_t taken_ = 0;
  std::shared_ptr<Recurring> recurring_;
  Look latest_; // on the loop
};

} // namespace tandem::agent
