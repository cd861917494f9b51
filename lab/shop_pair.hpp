// A real pair in a lab, made the way its operator makes one: tandem's package installed, tandem.toml written, `tandem
// init`, `tandem join`, `tandem apply`, `tandem deploy`. The demo, the lab tests and the benchmarks stand on it.
#pragma once
#include "lab/lab.hpp"

#include <map>

namespace tandem::lab {

// What lies in the source tree and the build; absolute.
struct Goods {
  std::string package; // tandem's .deb
  std::string shop;    // folder examples/shop
};

// The shop's domain in the lab; every host resolves it to the server that was primary at first.
inline constexpr auto shop_domain = "shop.test";

// A tandem.toml for the lab's servers with the shop on it. `more` replaces or adds whole top-level tables by their
// text.
struct TomlOptions {
  bool two_servers = true;
  std::string host = "timezone = \"Europe/Moscow\"\npackages = [\"less\"]\n"; // lines of [host]
  std::string more = {};                                                      // appended at the end
};

std::string shop_toml(const TomlOptions& options = {});
// The shop's own tables of it alone. They need the user nikolays.
std::string shop_site_toml();

class ShopPair {
public:
  ShopPair(Lab& lab, Goods goods, Progress progress)
      : lab_(lab), goods_(std::move(goods)), progress_(std::move(progress)) {}

  // The shop as a git repository on tre, served over http.
  Result<void> publish_shop();
  // apt-get install ./tandem.deb, as a user does.
  Result<void> install(const std::string& host);
  Result<void> write_toml(const std::string& host, const std::string& toml);
  // `tandem init` on uno; the token that it prints, empty for a pair of one server.
  Result<std::string> init();
  Result<void> join_second(const std::string& token);

  // Runs a tandem command on a host; its lines come to the progress. A failing command is an error that quotes it.
  Result<std::string> tandem(const std::string& host, const std::vector<std::string>& arguments);
  // The same, whatever its status.
  Result<system::Outcome> try_tandem(const std::string& host, const std::vector<std::string>& arguments);

  // A page of the shop over HTTPS as tre sees it, answered by that host.
  Result<std::string> fetch(const std::string& host, const std::string& path);

private:
  Lab& lab_;
  Goods goods_;
  Progress progress_;
};

} // namespace tandem::lab
