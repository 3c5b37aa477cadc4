// --trace FILE: what ran when, as Chrome's trace events, a row a worker, in the order in which they began. The file appears
// when it is whole.
#pragma once
#include <mrun/mrun.h>

#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/draft.h"

namespace command {

class TraceFile {
 public:
  explicit TraceFile(std::string path);  // empty: none. Throws MRUN_IO
  void add_to(mrun_options &);           // must outlive the engine
  void finish();                         // throws MRUN_IO where something could not be written

 private:
  FILE *open();
  void add(const char *event) noexcept;
  void write_first();
  struct Close {
    void operator()(FILE *f) const { std::fclose(f); }
  };
  const std::string path_;
  std::optional<mrun::FileDraft> draft_;  // none: a device, a pipe, a descriptor
  std::mutex mutex_;
  std::unique_ptr<FILE, Close> file_;
  std::multimap<double, std::string> held_;  // by when they began
  bool any_ = false;
};

}  // namespace command
