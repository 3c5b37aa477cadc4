#include "output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "files.h"
#include "standard_output.h"

namespace command {
namespace fs = std::filesystem;

Output::Output(std::string path) : path_(std::move(path)) {
  if (path_.empty()) {
    fd_ = answers_fd();
    return;
  }
  const fs::path target(path_);
  if (fs::is_directory(target)) throw mrun::failure(MRUN_IO, path_ + ": is a folder, want a file to write");
  // A device or pipe cannot be replaced by renaming.
  const bool special = fs::exists(target) && !fs::is_regular_file(target);
  if (!special)
    temporary_ =
        (target.parent_path() / ("." + target.filename().string() + ".tmp-" + std::to_string(getpid()))).string();
  const std::string &opened = special ? path_ : temporary_;
  fd_ = open(opened.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) {
    temporary_.clear();
    throw mrun::failure(MRUN_IO, path_ + ": cannot write: " + std::strerror(errno));
  }
}

Output::~Output() {
  if (fd_ != answers_fd() && fd_ >= 0) close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void Output::write(const std::string &text) {
  std::string_view rest = text;
  while (!rest.empty() && error_.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      error_ = (path_.empty() ? std::string("standard output") : path_) + ": cannot write: " + std::strerror(errno);
    } else {
      rest.remove_prefix(static_cast<size_t>(n));
    }
  }
}

void Output::put(uint64_t number, std::string text) {
  {
    const std::lock_guard lock(mutex_);
    if (number >= end_) return;
    waiting_.emplace(number, std::move(text));
    while (!waiting_.empty() && waiting_.begin()->first == next_) {
      write(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      ++next_;
    }
  }
  written_.notify_all();
}

void Output::end_at(uint64_t number) {
  const std::lock_guard lock(mutex_);
  if (number >= end_) return;
  end_ = number + 1;
  waiting_.erase(waiting_.lower_bound(end_), waiting_.end());
}

bool Output::ended() const {
  const std::lock_guard lock(mutex_);
  return next_ >= end_;
}

void Output::put_now(const std::string &text) {
  const std::lock_guard lock(mutex_);
  write(text);
}

void Output::wait_for_room(uint64_t number, uint64_t ahead) {
  std::unique_lock lock(mutex_);
  written_.wait(lock, [&] { return number < next_ + ahead || !error_.empty(); });
}

bool Output::failed() const {
  const std::lock_guard lock(mutex_);
  return !error_.empty();
}

void Output::finish() {
  const std::lock_guard lock(mutex_);
  if (error_.empty() && !temporary_.empty()) {
    if (fsync(fd_) != 0 || rename(temporary_.c_str(), path_.c_str()) != 0) {
      error_ = path_ + ": cannot write: " + std::strerror(errno);
    } else {
      temporary_.clear();
    }
  }
  if (!error_.empty()) throw mrun::failure(MRUN_IO, error_);
}

}  // namespace command
