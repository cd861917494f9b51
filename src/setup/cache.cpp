// memcached and two instances of Redis. The caches are each server's own, for its own sites: a change of primary
// empties the new one's (on-promote). The queue belongs to the role: the standbys' are copies of the primary's.
#include "model/ports.hpp"
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

// Of Debian's redis.conf, what an instance cannot do without; all else is Redis' own default.
std::string redis_text(const std::string& instance, std::uint16_t port, const std::string& folder) {
  return header() + fmt::format("bind 127.0.0.1 -::1\n"
                                "protected-mode yes\n"
                                "port {1}\n"
                                "pidfile /run/redis{0}/redis-server.pid\n"
                                "logfile /var/log/redis/redis-server{0}.log\n"
                                "dir {2}\n",
                                instance, port, folder);
}

std::string redis_cache_text(model::Bytes memory) {
  return redis_text("", model::redis_cache_port, "/var/lib/redis") +
         fmt::format("maxmemory {}\nmaxmemory-policy allkeys-lru\n# A cache is not worth a disk: it begins empty.\n"
                     "save \"\"\n",
                     memory);
}

// What was accepted is on the disk, as in PostgreSQL. The backlog lets a copy that was away for a while go on where it
// stopped. The last line is the role: the agent makes and removes that file.
std::string redis_queue_text() {
  return redis_text("-queue", model::redis_queue_port, "/var/lib/redis/queue") +
         "maxmemory 0\nmaxmemory-policy noeviction\nsave \"\"\nappendonly yes\nappendfsync always\n"
         "repl-backlog-size 16mb\nrepl-diskless-sync-delay 0\ninclude /etc/redis/tandem-queue-*.conf\n";
}

void add_redis(Resources& out, const std::string& unit, const std::string& path, const std::string& text,
               const std::string& why) {
  out.push_back(
      {.kind = converge::File{.path = path, .content = text, .mode = 0640, .owner = "redis", .group = "redis"},
       .why = why,
       .reactions = {{converge::ReactionKind::restart, unit}},
       .after = {"packages"}});
  out.push_back(
      {.kind = converge::Unit{.name = unit, .enabled = true, .running = true}, .why = why, .after = {"packages"}});
}

void add_memcached(Resources& out, const View& view) {
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

} // namespace

void add_cache(Resources& out, const View& view) {
  add_memcached(out, view);
  add_redis(out, "redis-server.service", "/etc/redis/redis.conf", redis_cache_text(view.pair.cache.redis),
            "[cache] redis");
  out.push_back(
      {.kind = converge::Folder{.path = "/var/lib/redis/queue", .mode = 0750, .owner = "redis", .group = "redis"},
       .why = "the sites' queue",
       .after = {"packages"}});
  add_redis(out, "redis-server@queue.service", "/etc/redis/redis-queue.conf", redis_queue_text(), "the sites' queue");
}

} // namespace tandem::setup
