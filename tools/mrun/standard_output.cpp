#include "standard_output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>

namespace command {
namespace {

namespace fs = std::filesystem;

constexpr int most_links = 40;  // as the system follows

int kept = STDOUT_FILENO;

std::optional<int> descriptor_number(std::string_view path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    const std::string_view digits = path.substr(folder.size());
    int number = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc() && end == digits.data() + digits.size() && number >= 0) return number;
  }
  return std::nullopt;
}

}  // namespace

void keep_standard_output() {
  const int own = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (own < 0) return;  // it is closed: who writes an answer is told so
  if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing >= 0) dup2(nothing, STDOUT_FILENO);
  }
  kept = own;
}

int answers_fd() { return kept; }

ssize_t write_some(int fd, std::string_view bytes) {
  for (;;) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0 || (errno != EINTR && errno != EAGAIN)) return n;
    pollfd room{fd, POLLOUT, 0};
    if (errno == EAGAIN) ::poll(&room, 1, -1);
  }
}

std::optional<int> descriptor_named(const std::string &path) {
  fs::path at = path;
  std::error_code error;
  for (int links = 0; links < most_links; ++links) {
    if (const auto number = descriptor_number(at.lexically_normal().native())) {
      return *number == STDOUT_FILENO ? answers_fd() : *number;
    }
    const fs::path target = fs::read_symlink(at, error);
    if (error) return std::nullopt;
    at = at.parent_path() / target;
  }
  return std::nullopt;
}

}  // namespace command
