#include "trace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mrun/mrun.hpp>

#include "files.h"
#include "interrupt.h"
#include "standard_output.h"

namespace command {
namespace {

// So many events wait for earlier ones: more than a worker ends while another runs one batch.
constexpr size_t most_held = size_t{1} << 16;

// Microseconds; what has no time names the rows and comes first.
double time_of(const char *event) {
  const char *at = std::strstr(event, "\"ts\":");
  return at == nullptr ? -1 : std::strtod(at + std::strlen("\"ts\":"), nullptr);
}

}  // namespace

TraceFile::TraceFile(std::string path) : path_(std::move(path)) {
  if (path_.empty()) return;
  file_.reset(open());
  if (!file_) throw mrun::failure(MRUN_IO, path_ + ": cannot write: " + std::strerror(errno));
  std::fputs("{\"traceEvents\":[", file_.get());
}

FILE *TraceFile::open() {
  const auto over = [](int fd) { return fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 3), "w"); };
  if (const std::optional<int> named = descriptor_named(path_)) return over(*named);
  std::error_code unknown;  // what cannot be looked at cannot be written to: that says why
  const auto status = std::filesystem::status(path_, unknown);
  const bool impossible = unknown == std::errc::filename_too_long;  // opening says so before anything is answered
  if (impossible || (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))) {
    return std::fopen(path_.c_str(), "we");
  }
  with_files([&] { draft_.emplace(target_of(path_)); });
  removed_at_once(draft_->path().native());
  return over(draft_->fd());
}

void TraceFile::add_to(mrun_options &options) {
  if (!file_) return;
  options.trace = [](void *user, const char *event) { static_cast<TraceFile *>(user)->add(event); };
  options.trace_user = this;
}

void TraceFile::add(const char *event) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    held_.emplace(time_of(event), event);
  } catch (const std::bad_alloc &) { return; }  // an event is left out, the run goes on
  if (held_.size() > most_held) write_first();
}

void TraceFile::write_first() {
  std::fputs(any_ ? ",\n" : "\n", file_.get());
  std::fputs(held_.begin()->second.c_str(), file_.get());
  held_.erase(held_.begin());
  any_ = true;
}

void TraceFile::finish() {
  if (!file_) return;
  while (!held_.empty()) write_first();
  std::fputs("\n]}\n", file_.get());
  const bool bad = std::ferror(file_.get()) != 0;
  if (std::fclose(file_.release()) != 0 || bad)
    throw mrun::failure(MRUN_IO, path_ + ": cannot write: " + std::strerror(errno));
  if (draft_) with_files([&] { draft_->commit(); });
  removed_at_once("");
  draft_.reset();
}

}  // namespace command
