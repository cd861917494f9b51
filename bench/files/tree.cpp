#include "files/tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

namespace tandem::bench {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

namespace {

constexpr int files_in_a_folder = 100;
constexpr timespec long_ago{.tv_sec = 1'700'000'000, .tv_nsec = 0};

// Times on both sides are equal, so that nothing differs.
Result<void> make_side(const std::string& side, const std::string& name, int folders) {
  const std::string content(4096, 'c');
  const timespec times[2] = {long_ago, long_ago};
  for (int folder = 0; folder < folders; ++folder) {
    const auto path = fmt::format("{}/{}/{}", side, name, folder);
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return failed(path + " cannot be made: " + error.message());
    for (int file = 0; file < files_in_a_folder; ++file) {
      const auto one = fmt::format("{}/{}", path, file);
      TANDEM_CHECK(write_file(one, content));
      ::utimensat(AT_FDCWD, one.c_str(), times, 0);
    }
    ::utimensat(AT_FDCWD, path.c_str(), times, 0);
  }
  ::utimensat(AT_FDCWD, fmt::format("{}/{}", side, name).c_str(), times, 0);
  return {};
}

std::optional<double> wait_seconds(const std::function<bool()>& there, std::chrono::milliseconds limit,
                                   std::chrono::microseconds pause) {
  const auto began = steady_clock::now();
  while (!there()) {
    if (steady_clock::now() - began > limit) return std::nullopt;
    std::this_thread::sleep_for(pause);
  }
  return std::chrono::duration<double>(steady_clock::now() - began).count();
}

} // namespace

Result<void> make_tree(const Sides& sides, const std::string& name, int folders) {
  Result<void> there;
  std::thread other([&] { there = make_side(sides.to, name, folders); });
  auto here = make_side(sides.from, name, folders);
  other.join();
  return here ? there : here;
}

std::string path_in_tree(const std::string& name, int folders, int number) {
  return fmt::format("{}/{}/{}", name, number % folders, number / folders % files_in_a_folder);
}

Result<void> make_large(const std::string& path) {
  std::mt19937_64 random(3);
  std::vector<std::uint64_t> piece(std::size_t{1} << 17U);
  std::ofstream file(path, std::ios::binary);
  for (int count = 0; count < 1024; ++count) {
    for (auto& value : piece)
      value = random();
    file.write(reinterpret_cast<const char*>(piece.data()),
               static_cast<std::streamsize>(piece.size() * sizeof piece[0]));
  }
  return file.flush() ? Result<void>() : failed("writing " + path);
}

Result<void> write_file(const std::string& path, const std::string& content) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return failed("opening " + path);
  const auto took = ::write(file, content.data(), content.size());
  ::close(file);
  return took == static_cast<ssize_t>(content.size()) ? Result<void>() : failed("writing " + path);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<double> wait_for_content(const std::string& path, const std::string& content,
                                       std::chrono::milliseconds limit) {
  return wait_seconds([&] { return read_file(path) == content; }, limit, std::chrono::microseconds(100));
}

std::optional<double> wait_for_names(const std::string& folder, std::size_t count, std::chrono::seconds limit) {
  const auto there = [&] {
    std::error_code error;
    std::size_t names = 0;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
      if (!at->path().filename().string().starts_with(".")) ++names;
    return names >= count;
  };
  return wait_seconds(there, limit, std::chrono::milliseconds(5));
}

} // namespace tandem::bench
