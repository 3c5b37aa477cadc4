#include "output.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mrun/mrun.hpp>
#include <utility>

#include "files.h"
#include "standard_output.h"

namespace command {
namespace fs = std::filesystem;

namespace {

[[noreturn]] void cannot_write(const std::string &path) {
  throw mrun::failure(MRUN_IO, path + ": cannot write: " + std::strerror(errno));
}

std::string beside(const fs::path &target, const std::string &ending) {
  return (target.parent_path() / ("." + target.filename().string() + ending)).string();
}

// Writes a small file that is there as a whole or not at all.
void write_whole(const std::string &path, const std::string &text) {
  const std::string temporary = path + ".new";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) cannot_write(path);
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  close(fd);
  if (!written || rename(temporary.c_str(), path.c_str()) != 0) {
    unlink(temporary.c_str());
    cannot_write(path);
  }
}

}  // namespace

Output::Output(const OutputOptions &o) : path_(o.path) {
  if (path_.empty()) {
    fd_ = answers_fd();
    return;
  }
  const fs::path target(path_);
  if (fs::is_directory(target)) throw mrun::failure(MRUN_IO, path_ + ": is a folder, want a file to write");
  // A device or pipe cannot be replaced by renaming.
  const bool special = fs::exists(target) && !fs::is_regular_file(target);
  if (!special && !o.identity.empty()) {
    open_kept(o);
    return;
  }
  if (!special) temporary_ = beside(target, ".tmp-" + std::to_string(getpid()));
  const std::string &opened = special ? path_ : temporary_;
  fd_ = open(opened.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd_ < 0) {
    temporary_.clear();
    cannot_write(path_);
  }
}

void Output::open_kept(const OutputOptions &o) {
  const std::string part = beside(path_, ".part");
  state_ = part + ".json";
  const bool kept = o.resume && fs::exists(part) && fs::exists(state_);
  if (o.resume) check_kept(o);
  fd_ = open(part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | (kept ? 0 : O_TRUNC), 0666);
  if (fd_ < 0) cannot_write(path_);
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    close(std::exchange(fd_, -1));
    throw mrun::failure(MRUN_USAGE, path_ + ": another run writes it at this moment");
  }
  temporary_ = part;
  if (kept) {
    go_on();
  } else {
    write_whole(state_, o.identity + "\n");
  }
}

// What --resume needs: a kept run of the same identity, or no trace of any.
void Output::check_kept(const OutputOptions &o) const {
  if (!fs::exists(state_)) {
    if (!fs::exists(path_)) return;
    throw mrun::failure(MRUN_USAGE, path_ + ": is there already and belongs to no interrupted run: nothing to resume");
  }
  std::string identity = read_file(state_);
  while (identity.ends_with('\n')) identity.pop_back();
  if (identity == o.identity) return;
  throw mrun::failure(MRUN_USAGE, path_ + ": was begun by another run: --resume wants the same bundle, parameters, " +
                                      "options and inputs (" + state_ + " says which)");
}

// Counts the answers that are there; a line that was torn off is given anew.
void Output::go_on() {
  std::string block(size_t{1} << 20, '\0');
  off_t size = 0, whole = 0;
  for (ssize_t n; (n = pread(fd_, block.data(), block.size(), size)) != 0; size += n) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) cannot_write(path_);
    for (ssize_t i = 0; i < n; ++i) {
      if (block[static_cast<size_t>(i)] != '\n') continue;
      ++resumed_;
      whole = size + i + 1;
    }
  }
  if (ftruncate(fd_, whole) != 0 || lseek(fd_, whole, SEEK_SET) != whole) cannot_write(path_);
  next_ = resumed_;
}

Output::~Output() {
  if (fd_ != answers_fd() && fd_ >= 0) close(fd_);
  if (temporary_.empty()) return;
  unlink(temporary_.c_str());
  if (!state_.empty()) unlink(state_.c_str());
}

bool Output::keep() {
  const std::lock_guard lock(mutex_);
  end_ = next_;  // items that end because of it have no answer
  waiting_.clear();
  if (state_.empty() || !error_.empty()) return false;
  temporary_.clear();
  return true;
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
      if (!state_.empty()) unlink(state_.c_str());
    }
  }
  if (!error_.empty()) throw mrun::failure(MRUN_IO, error_);
}

}  // namespace command
