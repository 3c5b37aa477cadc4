#include "trace_file.h"

#include <cerrno>
#include <cstring>
#include <mrun/mrun.hpp>

namespace command {

TraceFile::TraceFile(std::string path) : path_(std::move(path)) {
  if (path_.empty()) return;
  file_.reset(std::fopen(path_.c_str(), "we"));
  if (!file_) throw mrun::failure(MRUN_IO, path_ + ": cannot write: " + std::strerror(errno));
  std::fputs("{\"traceEvents\":[", file_.get());
}

void TraceFile::add_to(mrun_options &options) {
  if (!file_) return;
  options.trace = [](void *user, const char *event) { static_cast<TraceFile *>(user)->add(event); };
  options.trace_user = this;
}

void TraceFile::add(const char *event) {
  const std::lock_guard lock(mutex_);
  std::fputs(any_ ? ",\n" : "\n", file_.get());
  std::fputs(event, file_.get());
  any_ = true;
}

void TraceFile::finish() {
  if (!file_) return;
  std::fputs("\n]}\n", file_.get());
  const bool bad = std::ferror(file_.get()) != 0;
  if (std::fclose(file_.release()) != 0 || bad)
    throw mrun::failure(MRUN_IO, path_ + ": cannot write: " + std::strerror(errno));
}

}  // namespace command
