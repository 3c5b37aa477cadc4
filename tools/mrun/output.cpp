#include "output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <mrun/mrun.hpp>

#include "files.h"
#include "interrupt.h"
#include "standard_output.h"

namespace command {
namespace fs = std::filesystem;

namespace {

bool is_there(const fs::path &path) {
  std::error_code unknown;
  return fs::exists(path, unknown);
}

[[noreturn]] void cannot_write(const std::string &path) {
  throw mrun::failure(MRUN_IO, path + ": cannot write: " + std::strerror(errno));
}

}  // namespace

Output::Output(const OutputOptions &o, std::function<void()> before_print)
    : path_(o.path), before_print_(std::move(before_print)) {
  if (path_.empty()) {
    fd_ = answers_fd();
    return;
  }
  if (const std::optional<int> named = descriptor_named(path_)) {
    fd_ = *named;
    if (fd_ == answers_fd()) path_.clear();
    return;
  }
  std::error_code unknown;  // what cannot be looked at cannot be written to: that says why
  const fs::file_status status = fs::status(path_, unknown);
  if (fs::is_directory(status)) throw mrun::failure(MRUN_IO, path_ + ": is a folder, want a file to write");
  if (fs::exists(status) && !fs::is_regular_file(status)) {  // a device or pipe cannot be replaced by renaming
    special_.reset(open_unless_interrupted(path_, O_WRONLY));
    if (!special_ && errno == EINTR) throw mrun::failure(MRUN_CANCELLED, path_ + ": nobody reads it yet");
    if (!special_) cannot_write(path_);
    fd_ = special_.get();
    return;
  }
  path_ = target_of(path_);
  if (o.identity.empty()) {
    with_files([&] { draft_.emplace(path_); });
    fd_ = draft_->fd();
  } else {
    open_kept(o);
  }
}

void Output::open_kept(const OutputOptions &o) {
  const fs::path part = mrun::FileDraft::part_of(path_);
  state_ = part.string() + ".json";
  const bool kept = o.resume && is_there(part) && is_there(state_);
  if (o.resume) check_kept(o);
  with_files([&] { draft_.emplace(path_, mrun::FileDraft::Kept::part); });
  fd_ = draft_->fd();
  if (kept) {
    try {
      go_on();
    } catch (...) {
      draft_->leave();
      throw;
    }
    return;
  }
  if (ftruncate(fd_, 0) != 0) cannot_write(path_);
  with_files([&] { mrun::write_file_atomic(state_, o.identity + "\n"); });
}

// What --resume needs: a kept run of the same identity, or no trace of any.
void Output::check_kept(const OutputOptions &o) const {
  if (!is_there(state_)) {
    if (!is_there(path_)) return;
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
  constexpr std::string_view failure = R"({"error":{"code":")";  // as error_json begins
  std::string block(size_t{1} << 20, '\0');
  off_t size = 0, whole = 0;
  size_t at = 0;  // in the line
  bool failed = true;
  for (ssize_t n; (n = pread(fd_, block.data(), block.size(), size)) != 0; size += n) {
    if (n < 0 && errno == EINTR) n = 0;
    if (n < 0) cannot_write(path_);
    for (ssize_t i = 0; i < n; ++i) {
      const char c = block[static_cast<size_t>(i)];
      failed = failed && (at >= failure.size() || c == failure[at]);
      ++at;
      if (c != '\n') continue;
      ++resumed_;
      if (failed) ++resumed_failures_;
      whole = size + i + 1;
      at = 0;
      failed = true;
    }
  }
  if (ftruncate(fd_, whole) != 0 || lseek(fd_, whole, SEEK_SET) != whole) cannot_write(path_);
  next_ = resumed_;
}

Output::~Output() {
  if (!draft_ || state_.empty()) return;
  struct stat status {};
  if (fstat(fd_, &status) == 0 && status.st_size > 0) {
    draft_->leave();  // whatever has ended the run: what was answered may have taken days
  } else {
    unlink(state_.c_str());
  }
}

Output::Rest Output::end_early() {
  {
    const std::lock_guard lock(mutex_);
    end_ = next_;  // items that end because of it have no answer
    closed_ = true;
    waiting_.clear();
    if (!draft_) return Rest::none;
    if (!state_.empty() && error_.empty()) {
      draft_->leave();
      draft_.reset();
      return Rest::kept;
    }
    if (is_there(path_) || lseek(fd_, 0, SEEK_CUR) <= 0) return Rest::none;
  }
  finish();
  return Rest::file;
}

void Output::write(const std::string &text) {
  if (path_.empty()) before_print_();
  std::string_view rest = text;
  while (!rest.empty() && error_.empty()) {
    const ssize_t n = write_some(fd_, rest);
    if (n < 0) {
      error_ = (path_.empty() ? std::string("standard output") : path_) + ": cannot write: " + std::strerror(errno);
      failed_ = true;
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
  if (!closed_) write(text);
}

void Output::wait_for_room(uint64_t number, uint64_t ahead) {
  if (number < next_ + ahead) return;
  std::unique_lock lock(mutex_);
  constexpr auto look = std::chrono::milliseconds(100);  // a signal tells nobody here that it came
  const auto is_there = [&] { return number < next_ + ahead || !error_.empty() || interrupt_asked(); };
  while (!written_.wait_for(lock, look, is_there)) {}
}

void Output::finish() {
  const std::lock_guard lock(mutex_);
  if (!error_.empty()) throw mrun::failure(MRUN_IO, error_ + (state_.empty() ? "" : "; --resume goes on from there"));
  if (!draft_) return;
  with_files([&] { draft_->commit(); });
  draft_.reset();
  if (!state_.empty()) unlink(state_.c_str());
}

}  // namespace command
