// --trace FILE: what ran when, as Chrome's trace events, a row a worker.
#pragma once
#include <mrun/mrun.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

namespace command {

class TraceFile {
 public:
  explicit TraceFile(std::string path);  // empty: none. Throws MRUN_IO
  void add_to(mrun_options &);           // must outlive the engine
  void finish();                         // throws MRUN_IO where something could not be written

 private:
  void add(const char *event);
  struct Close {
    void operator()(FILE *f) const { std::fclose(f); }
  };
  const std::string path_;
  std::mutex mutex_;
  std::unique_ptr<FILE, Close> file_;
  bool any_ = false;
};

}  // namespace command
