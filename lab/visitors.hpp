// Visitors of the shop in a lab: bench/load's tool, run from tre while something else happens, and the comparison of
// what they were told with what the shop has.
#pragma once
#include "lab/lab.hpp"

#include <condition_variable>
#include <future>
#include <mutex>

namespace tandem::lab {

struct VisitorOptions {
  std::string tool;                   // tandem-load on this machine
  std::string name = "visitors";      // their ledger and summary on tre
  std::string connect = "10.77.0.11"; // what their DNS says
  int rate = 200;                     // requests a second, a fifth of them writes
  int seconds = 60;
  Progress progress = [](const std::string&) {}; // told the tool's own lines
};

// They begin with the object. ShopPair::fetch() must have brought the pair's authority to tre before.
class Visitors {
public:
  static Result<std::unique_ptr<Visitors>> come(Lab& lab, VisitorOptions options);
  ~Visitors(); // waits for their end
  Visitors(const Visitors&) = delete;
  Visitors& operator=(const Visitors&) = delete;

  // Waits until they have been shopping for so many seconds more; false when they have left before.
  bool shop_for(int seconds);
  // Waits for their end; the tool's summary, as JSON.
  Result<std::string> leave();

private:
  Visitors(Lab& lab, VisitorOptions options) : lab_(lab), options_(std::move(options)) {}

  void begin();
  void heard(std::string_view line);

  Lab& lab_;
  const VisitorOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int seconds_ = 0; // guarded by mutex_, as is
  bool ended_ = false;
  std::future<Result<system::Outcome>> run_; // last: it ends before what it uses
};

// What the shop on that server has of all that these visitors were told (names, a shell pattern): the tool's
// comparison, as JSON with "lost" and "doubled".
Result<std::string> compare_with_shop(Lab& lab, const std::string& server, const std::string& names);

} // namespace tandem::lab
