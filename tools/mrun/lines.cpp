#include "lines.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mrun/mrun.hpp>

#include "base/hash.h"
#include "base/utf16.h"
#include "interrupt.h"
#include "view.h"

namespace command {
namespace {

constexpr size_t block = size_t{1} << 16;

}  // namespace

Lines::Lines(const std::string &path, size_t longest)
    : longest_(longest), name_(path == "-" ? "standard input" : path) {
  fd_ = path == "-" ? dup(STDIN_FILENO) : open_unless_interrupted(path, O_RDONLY);
  if (fd_ < 0 && errno == EINTR) throw mrun::failure(MRUN_CANCELLED, name_ + ": nobody writes to it yet");
  struct stat status {};
  if (fd_ < 0 || fstat(fd_, &status) != 0) throw mrun::failure(MRUN_USAGE, name_ + ": " + std::strerror(errno));
  if (S_ISDIR(status.st_mode)) {
    close(fd_);
    throw mrun::failure(MRUN_USAGE, name_ + ": is a folder; a file with an input a line is wanted");
  }
  complete_ = S_ISREG(status.st_mode);
}

Lines::~Lines() { close(fd_); }

bool Lines::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t old = buffer_.size();
  for (;;) {
    pollfd wait[] = {{fd_, POLLIN, 0}, {interrupt_fd(), POLLIN, 0}};
    if (!complete_ && poll(wait, 2, -1) < 0 && errno != EINTR) break;
    if (interrupt_asked()) return false;
    buffer_.resize(old + block);
    const ssize_t n = read(fd_, buffer_.data() + old, block);
    buffer_.resize(old + static_cast<size_t>(n > 0 ? n : 0));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) throw mrun::failure(MRUN_INPUT, name_ + ": cannot read: " + std::strerror(errno));
    return n > 0;
  }
  throw mrun::failure(MRUN_INPUT, name_ + ": cannot read: " + std::strerror(errno));
}

void Lines::trim(std::string &line) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  if (first_ && mrun::is_utf16(line)) {  // its other lines may well be UTF-8 by chance, with zero bytes in it
    throw mrun::failure(MRUN_USAGE, name_ + ": is UTF-16; a file in UTF-8 is wanted");
  }
  if (line.ends_with('\r')) line.pop_back();
  if (first_ && line.starts_with(mark)) line.erase(0, mark.size());
  first_ = false;
}

bool Lines::next(std::string &line) {
  for (size_t seen = 0;;) {
    const size_t end = buffer_.find('\n', at_ + seen);
    if (end != std::string::npos) {
      line = buffer_.substr(at_, end - at_);
      at_ = end + 1;
      trim(line);
      return true;
    }
    seen = buffer_.size() - at_;
    if (seen > longest_) {
      throw mrun::failure(MRUN_INPUT, name_ + ": a line of more than " + show_size(static_cast<double>(longest_)) +
                                          ", which no item may hold (--memory); shorter lines are wanted");
    }
    if (fill()) continue;
    if (interrupt_asked() || buffer_.size() == at_) return false;
    line = std::exchange(buffer_, {}).substr(at_);
    at_ = 0;
    trim(line);
    return true;
  }
}

// Read in blocks: pages of a mapping would count as this process's memory.
std::string Lines::digest() const {
  mrun::Sha256 hash;
  std::string bytes(block, '\0');
  off_t at = 0;
  for (ssize_t n; (n = pread(fd_, bytes.data(), block, at)) != 0; at += n > 0 ? n : 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw mrun::failure(MRUN_INPUT, name_ + ": cannot read: " + std::strerror(errno));
    hash.update(std::string_view(bytes.data(), static_cast<size_t>(n)));
  }
  return hash.hex();
}

}  // namespace command
