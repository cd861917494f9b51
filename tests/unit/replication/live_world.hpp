// Two folders and the stream between them, with the kernel's real word: both ends in one process, over a socket pair.
#pragma once
#include "replication/files/live.hpp"
#include "trees/picture.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace tandem::replication::live {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using trees::difference;
using trees::picture;

struct Far {
  double guard = 1;
  bool equal = true;         // both sides were, when it began to watch
  std::uint64_t removed = 0; // from "two", within the hour before
};

class Live : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0U) << "the kernel tells root alone what changes on a whole file system";
    std::signal(SIGPIPE, SIG_IGN); // the other end may have gone: a receiver may die of that, its test not
    std::string pattern = "/var/tmp/tandem-live-XXXXXX";
    base = ::mkdtemp(pattern.data());
    for (const auto* name : {"/primary", "/standby"})
      for (const auto* root : {"/one", "/two"})
        fs::create_directories(base + name + root);
  }

  void TearDown() override {
    stop();
    fs::remove_all(base);
  }

  [[nodiscard]] std::vector<LiveRoot> roots(const std::string& side) const {
    const Patterns left_out({"*.left", "cache/*", "/own/*/mine*"});
    return {{.path = base + side + "/one", .patterns = left_out}, {.path = base + side + "/two", .patterns = left_out}};
  }

  void start() {
    stream = std::make_unique<LiveStream>(roots("/primary"), clock, bounds);
    while (!stream->state().watching && !stream->state().ended)
      std::this_thread::yield();
    ASSERT_EQ(stream->state().problem, "");
  }

  // The folders themselves are equal before, as rsync makes them.
  void attach(const Far& far = {}) {
    for (const auto* root : {"one", "two"})
      fs::last_write_time(there(root), fs::last_write_time(at(root)));
    auto link = system::make_link();
    ASSERT_TRUE(link);
    auto far_roots = roots("/standby");
    far_roots[1].removed = far.removed;
    receiver = std::thread([socket = std::move(link->first), far_roots, guard = far.guard, this]() mutable {
      ended = receive_files(far_roots, guard, socket.get(), socket.get());
    });
    stream->attach(std::move(link->second), far.equal);
    while (!stream->state().live && !stream->state().ended)
      std::this_thread::yield();
  }

  void stop() {
    stream.reset();
    if (receiver.joinable()) receiver.join();
  }

  std::string differs() {
    const auto flushed = stream->flush(60s);
    if (!flushed) return flushed.error().message + ": " + stream->state().problem;
    return difference(picture(base + "/primary/one"), picture(base + "/standby/one")) +
           difference(picture(base + "/primary/two"), picture(base + "/standby/two"));
  }

  [[nodiscard]] std::string at(const std::string& path) const { return base + "/primary/" + path; }

  [[nodiscard]] std::string there(const std::string& path) const { return base + "/standby/" + path; }

  static void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

  static std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  StreamBounds bounds;
  std::string base;
  system::LinuxClock clock;
  std::unique_ptr<LiveStream> stream;
  std::thread receiver;
  Result<void> ended;
};

} // namespace tandem::replication::live
