#include "lab/visitors.hpp"

#include "lab/shop_pair.hpp"

namespace tandem::lab {

namespace {

constexpr auto* tool_path = "/root/tandem-load";
constexpr auto* folder = "/root/visitors";

std::string file_of(const std::string& name, const std::string& suffix) {
  return std::string(folder) + "/" + name + suffix;
}

} // namespace

Result<std::unique_ptr<Visitors>> Visitors::come(Lab& lab, VisitorOptions options) {
  TANDEM_CHECK(lab.copy_in(options.tool, "tre", tool_path));
  TANDEM_CHECK(lab.run_checked("tre", {"sh", "-c",
                                       fmt::format("chmod 0755 {} && mkdir -p {} && rm -f {}.*", tool_path, folder,
                                                   file_of(options.name, ""))}));
  std::unique_ptr<Visitors> visitors(new Visitors(lab, std::move(options)));
  visitors->begin();
  return visitors;
}

Visitors::~Visitors() {
  if (run_.valid()) run_.wait();
}

void Visitors::begin() {
  run_ = std::async(std::launch::async, [this] {
    auto outcome =
        lab_.run("tre",
                 {tool_path, "run", "--domain", shop_domain, "--connect", options_.connect, "--ca", "/root/ca.pem",
                  "--rate", std::to_string(options_.rate), "--duration", std::to_string(options_.seconds) + "s",
                  "--ledger", file_of(options_.name, ".jsonl"), "--summary", file_of(options_.name, ".json")},
                 {.on_line = [this](std::string_view line) { heard(line); }});
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
    return outcome;
  });
}

// The tool says one line a second while it works.
void Visitors::heard(std::string_view line) {
  options_.progress(std::string(line));
  const std::lock_guard lock(mutex_);
  if (line.find("in flight") != std::string_view::npos) ++seconds_;
  changed_.notify_all();
}

bool Visitors::shop_for(int seconds) {
  std::unique_lock lock(mutex_);
  const int until = seconds_ + seconds;
  changed_.wait(lock, [&] { return ended_ || seconds_ >= until; });
  return !ended_;
}

Result<std::string> Visitors::leave() {
  TANDEM_CHECK(run_.get()); // its status says whether a request failed; so does the summary
  return lab_.read_file("tre", file_of(options_.name, ".json"));
}

Result<std::string> compare_with_shop(Lab& lab, const std::string& server, const std::string& names) {
  const std::string ask = "cd /www/shop.test && set -a && . /etc/tandem/secrets/shop.env && SHOP_DATABASE=shop "
                          "SHOP_ALLOWED_HOSTS=shop.test && exec runuser -u nikolays -- env/bin/python manage.py ledger";
  TANDEM_TRY(const auto shop, lab.run_checked(server, {"sh", "-c", ask}));
  TANDEM_CHECK(lab.write_file("tre", "/root/shop.json", shop));
  const auto compare =
      fmt::format("args=; for file in {}; do args=\"$args --ledger $file\"; done; {} compare $args --shop "
                  "/root/shop.json --json /root/compare.json",
                  file_of(names, ".jsonl"), tool_path);
  TANDEM_CHECK(lab.run("tre", {"sh", "-c", compare})); // what is lost is in its answer
  return lab.read_file("tre", "/root/compare.json");
}

} // namespace tandem::lab
