// memcached: a cache that each server has for its own sites. A change of primary empties the new one's (on-promote).
#include "setup/subjects.hpp"

namespace tandem::setup {

namespace {

// Read by Debian's systemd-memcached-wrapper: one option of memcached(1) a line. UDP is off by itself.
std::string memcached_text(model::Bytes memory) {
  constexpr auto megabyte = model::Bytes{1} << 20U;
  return header() +
         fmt::format("-m {}\n-p 11211\n-u memcache\n-l 127.0.0.1\n-l ::1\n-P /var/run/memcached/memcached.pid\n"
                     "logfile /var/log/memcached.log\n",
                     (memory + megabyte - 1) / megabyte);
}

} // namespace

void add_cache(Resources& out, const View& view) {
  if (!view.pair.cache.memcached) return;
  const std::string unit = "memcached.service";
  const std::string why = "[cache] memcached";
  out.push_back(
      {.kind = converge::File{.path = "/etc/memcached.conf", .content = memcached_text(*view.pair.cache.memcached)},
       .why = why,
       .reactions = {{converge::ReactionKind::restart, unit}},
       .after = {"packages"}});
  out.push_back(
      {.kind = converge::Unit{.name = unit, .enabled = true, .running = true}, .why = why, .after = {"packages"}});
}

} // namespace tandem::setup
